"""Inputs of the stages: the raw folder, settings and rules of today, against what records were made of."""
