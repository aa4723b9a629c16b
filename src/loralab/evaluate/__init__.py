"""Evaluation: frozen questions in, predictions and scores with intervals out."""
