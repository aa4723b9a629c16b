"""The task `citation`: rows of question and reference in, the F1 of cited articles out."""

from __future__ import annotations

from loralab.evaluate.citation.score import VERSION, floor, score
from loralab.evaluate.tasks.base import Task
from loralab.evaluate.tasks.reference import questions

CITATION = Task("citation", "f1", VERSION, questions, score, floor)
