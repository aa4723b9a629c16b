"""Rows: data files in, conversations and a report of every loss out."""
