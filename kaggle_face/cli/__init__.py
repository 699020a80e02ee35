"""The command line: one small module per group of commands; the only place that prints or exits."""
