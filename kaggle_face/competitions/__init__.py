"""One file per family of competitions: raw folder -> records, and predictions -> CSV."""
