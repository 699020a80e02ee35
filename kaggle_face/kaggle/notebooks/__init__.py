"""Notebooks that run on Kaggle, as scripts of `# %%` cells; `kaggle.remote.notebook` puts them together."""
