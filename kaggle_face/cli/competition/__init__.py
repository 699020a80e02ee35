"""Commands that deal with a competition and with Kaggle."""
