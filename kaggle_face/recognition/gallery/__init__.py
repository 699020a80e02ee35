"""The gallery on disk."""
