"""Folders, lists and CSV files of raw data, read strictly."""
