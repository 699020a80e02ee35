"""Results in lines and tables, as the command line prints them and as a notebook can show them."""
