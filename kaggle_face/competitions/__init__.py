"""Raw folders of competitions to records, and predictions to the columns of their CSVs."""
