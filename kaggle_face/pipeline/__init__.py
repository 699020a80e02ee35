"""The stages put together: what they were given, and whether that is what lies there today."""
