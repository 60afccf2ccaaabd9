"""Whatever comes in: arrays of any library, parameters, groups, covariances, seeds, numbers of threads."""
