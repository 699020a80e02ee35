"""From a table of predictions to a score on the leaderboard: checks, CSV, upload, ledger, download."""
