"""From test records to a checked CSV, its upload and its row in the ledger."""
