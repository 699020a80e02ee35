"""Comparisons behind the tables of docs/: scripts of a checkout, which the package never imports."""
