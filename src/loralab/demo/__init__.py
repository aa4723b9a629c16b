"""The built-in demonstration: its model, data, settings and what its answers are worth."""

from loralab.demo.job import demo_config, facts
from loralab.demo.score import ScoreLine, demo_scores

__all__ = ["ScoreLine", "demo_config", "demo_scores", "facts"]
