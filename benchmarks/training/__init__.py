"""Training compared with the usual notebook and with timm's own loader."""
