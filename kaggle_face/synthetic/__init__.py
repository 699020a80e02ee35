"""Generated faces, and a data set of them in the layout of a competition."""
