"""Short trials before a training: precision, threads, compilation."""
