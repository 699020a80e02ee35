"""Sections about the training: its course, its cost, its settings."""
