"""Doctor: rows in, what a close look at them finds out; nothing is changed and nothing is left out."""
