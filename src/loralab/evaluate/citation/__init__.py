"""Citations of statutes: a text in, the articles that it cites out, and how well an answer cites what its reference cites."""
