"""Out-of-fold records: metrics with intervals, comparison, thresholds, label noise, the run table."""
