"""Inputs of the stages: the raw folder, settings and rules of today, compared with those of records."""
