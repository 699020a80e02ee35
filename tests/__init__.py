"""Tests of the package, in its own folders again."""
