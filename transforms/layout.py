"""Where things lie below an output, beside its tables."""

# what is no table; gone when no run is at work and none was interrupted
STAGING = "_beamscribe"
# in it: which run writes, results of recognition, and a decided commit
LEASES = "leases"
RESULTS = "results"
JOURNAL = "commit.json"
