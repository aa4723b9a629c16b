"""The general check: short prompts in Chinese or English in, whether a tuned model still obeys them out."""
