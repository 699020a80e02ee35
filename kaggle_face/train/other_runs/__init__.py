"""Other runs that a training builds on."""
