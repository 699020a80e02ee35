"""The shell of an HTML page, and charts that several pages share."""
