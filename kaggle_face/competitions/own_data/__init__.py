"""Reading of own data inferred from its files: tables, columns, folders and file names."""
