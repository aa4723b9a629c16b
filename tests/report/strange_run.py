"""A text in, a run that has it wherever a run may hold a text of a stranger out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from doubles.made_run import STAGES, Recipe, make_config, make_manifest, make_prediction
from loralab.run.view import Run

HOSTILE = (
    "<script>alert(1)</script>",
    "[link](http://evil.example) ![picture](http://evil.example/x.png)",
    "a | b | c \\| d",
    "`code` ``` **bold** _it_ ~~gone~~",
    "\n\n# heading\n\n- item\n- item\n\n---\n",
    "<!-- -->\n</details>\n&lt;b&gt; &#60; $x$",
    "[x]: http://evil.example\n[x]",
    "1. one\n2. two",
    "{{ 7 * 7 }} {0} {x} %s",
)


def write_strange_run(folder: Path, text: str) -> Run:
    """A run whose names, values, warnings and errors are all this text, with an adapter folder."""
    recipe = Recipe()
    row: dict[str, Any] = {"question": text, "reference": text, "id": text, "finish_reason": text}
    recipe.predictions = {stage: [make_prediction("probe", 0, text, **row)] for stage in STAGES}
    recipe.manifest = {**make_manifest("x"), "created": text, "command": text, "config_sha256": text}
    recipe.manifest["model"] = {"name": text, "origin": text, "weights": [{"path": text, "sha256": text}]}
    recipe.manifest |= {"versions": {text: text}, "seeds": {text: text}, "hardware": {"processor": text}}
    recipe.manifest |= {"evaluation_fingerprint": {"hash": text, "template": text}, "decoding": {text: text}}
    recipe.config = {**make_config(), "lora": {"init": text, f"z{text}": text}}
    recipe.config["data"] |= {"train": [text], "system": text}
    recipe.scores = {stage: {text: {text: {"value": text, "n": text}}} for stage in STAGES}
    recipe.extra_events = [
        {"kind": "model_ready", "trainable": text, "dtype": text, "device": text, "engine": text},
        {"kind": "note", "message": "adapter/ is step 20", "step": text},
        {"kind": "warning", "code": text, "message": text},
        {"kind": "sink_failed", "sink": text, "error": text, "events_lost": text},
        {"kind": "run_failed", "error": text, "where": text},
    ]
    recipe.ending = ""
    (folder / "adapter").mkdir(parents=True)
    return recipe.write(folder)
