"""Sections about figures: of members and blends on held-out data, and of the leaderboard."""
