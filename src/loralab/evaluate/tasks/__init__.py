"""Benchmarks: questions from the user's files in, a score for each answer out, without any model."""
