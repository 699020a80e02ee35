"""Benchmarks: the limit of this machine, the rate reached, and the setting that would change it."""
