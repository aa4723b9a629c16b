"""Names and texts in, the runs of a board that is tested out: made ones, hostile ones, a thousand at once."""

from __future__ import annotations

import json
from pathlib import Path

from doubles.made_run import ENDINGS, STAGES, Recipe, make_predictions
from loralab.run.files import dump_json

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31mred\x1b[0m \u202eevil & \"quotes\" 'single'\n"
    "[a](javascript:alert(3)) </textarea></title>"
)
MARKDOWN = (
    "# heading\n\n[click](javascript:alert(4)) [data](data:text/html,<script>alert(5)</script>) "
    "![seen](https://evil.example/pixel.png) ![x](x onerror=alert(6)) <img src=x onerror=alert(7)> <!-- hidden -->\n\n"
    "<script>alert(8)</script>\n\n[kind words](https://evil.example/?a=1&b=2) <https://plain.example/> <mailto:a@b.example>\n\n"
    '| a | b |\n|:--|--:|\n| `<b>` | &#x202e;2 |\n\n```"><script>alert(9)</script>\n<script>alert(10)</script>\n```\n'
)
DEEP = "> " * 1500 + "deep"
LAW, DIVERGED, CUT, STRANGE = "0001-law", "0002-diverged", "0003-cut", "0004-strange"
A, B, REAL, LOST, GOING = "0005-a", "0006-b", "0007-real", "0008-real-diverged", "0009-real-going"
HELD_AFTER = 3  # steps of the run that is not over


def write_runs(folder: Path) -> Path:
    """A finished run, a diverged one, an interrupted one, one whose texts are hostile."""
    Recipe(num_steps=60).write(folder / LAW)
    Recipe(num_steps=50, ending="failed", lost=(20, 21, 22, 49, 50)).write(folder / DIVERGED)
    Recipe(num_steps=30, ending="interrupted").write(folder / CUT)
    answers = (HOSTILE, MARKDOWN, DEEP, "[" * 3000, "*a " * 1200)
    texts = {
        stage: [
            dict(row, answer=answer + stage, question=HOSTILE)
            for row, answer in zip(make_predictions(stage), answers, strict=True)
        ]
        for stage in STAGES
    }
    Recipe(num_steps=5, predictions=texts).write(folder / STRANGE)
    return folder


def write_a_thousand(folder: Path) -> Path:
    """A thousand runs that ended at once."""
    ending = dump_json({"seq": 0, "time": "2026-11-25T04:00:00Z", **ENDINGS["finished"]}) + "\n"
    for number in range(1, 1001):
        run = folder / f"{number:04d}-run"
        run.mkdir()
        (run / "manifest.json").write_text(
            json.dumps({"format": 1, "model": {"name": f"model-{number % 7}"}})
        )
        (run / "events.jsonl").write_text(ending)
    return folder
