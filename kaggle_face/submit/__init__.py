"""Submissions: checks, files, upload, ledger."""
