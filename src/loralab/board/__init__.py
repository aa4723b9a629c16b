"""A folder of runs in, a web app on this machine out that shows them and follows those that run."""

from loralab.board.app import make_app
from loralab.board.index import RunIndex

__all__ = ["RunIndex", "make_app"]
