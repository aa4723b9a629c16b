"""Studies: a base config and axes in, one run folder for each combination and one report over all of them out."""
