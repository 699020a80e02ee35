"""The stages put together, with checks that their inputs are current."""
