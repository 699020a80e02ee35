"""One-shot recognition compared with dlib's recogniser."""
