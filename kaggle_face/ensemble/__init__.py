"""Blending of records: members, weights, post-processing, thresholds."""
