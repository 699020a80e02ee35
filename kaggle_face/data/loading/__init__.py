"""Loading: the order of an epoch, and its batches."""
