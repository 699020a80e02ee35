"""The ledger of submissions."""
