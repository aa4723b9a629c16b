"""The benchmarks' own modules can be imported."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "bench"))  # last, so that its file names hide no package
