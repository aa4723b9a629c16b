"""Engines: encoded rows in, loss and gradients out; token ids in, answers out."""
