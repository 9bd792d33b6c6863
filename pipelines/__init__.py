"""One runnable Beam pipeline a file, and the command line over them."""
