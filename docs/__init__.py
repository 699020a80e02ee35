"""The documentation: pages, the settings of its site, and the scripts that make pages and pictures."""
