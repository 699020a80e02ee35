"""Where the time goes: what this machine could do, what is reached, and which setting would change it."""
