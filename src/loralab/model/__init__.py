"""Models: a name in, a checked folder, weights, tokenizer and adapter out."""
