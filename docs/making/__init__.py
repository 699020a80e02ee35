"""Scripts that make the pages and pictures of the documentation which are not written by hand."""
