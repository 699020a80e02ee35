"""The page of one-shot recognition, served to a browser on this machine."""
