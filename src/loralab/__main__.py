"""`python -m loralab`."""

from loralab.cli.main import run

run()
