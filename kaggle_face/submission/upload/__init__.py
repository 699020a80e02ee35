"""Uploads: each file once, and its score."""
