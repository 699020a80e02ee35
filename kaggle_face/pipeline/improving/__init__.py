"""What makes a run better than its training left it: searches, soups, views, labels."""
