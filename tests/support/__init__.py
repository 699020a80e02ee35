"""What tests share: fixtures, the Kaggle server, invented galleries."""
