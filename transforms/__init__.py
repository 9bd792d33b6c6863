"""What the pipelines are wired from: plain functions, and a few lines of Beam over them."""
