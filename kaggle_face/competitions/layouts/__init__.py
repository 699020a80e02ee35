"""Layouts of raw folders, one file each."""
