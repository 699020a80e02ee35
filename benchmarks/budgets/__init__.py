"""`kaggle-face run` and the plain notebook, given the same minutes."""
