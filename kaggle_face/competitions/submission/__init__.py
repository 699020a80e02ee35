"""Formats, tables and samples of submissions."""
