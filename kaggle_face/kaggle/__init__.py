"""The official Kaggle client, downloads, the leaderboard, and training on Kaggle."""
