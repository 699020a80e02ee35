"""The whole chain within a time budget: measured, planned, trained to a deadline, predicted and written."""
