"""The image cache: pictures decoded and resized once."""
