"""Sentences and errors with values of strangers: one line each, no control characters, commands that can be pasted."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from doubles.hostile import FORGED, NASTY, OBEYED
from loralab.errors import Problem, UsageError
from loralab.words import Words, recorded, say


@pytest.mark.parametrize("value", [NASTY, Path(f"/elsewhere/{FORGED}"), OSError(NASTY), FORGED])
@pytest.mark.parametrize("template", ["{path}: wrong", "is {path!r}"])
def test_a_value_stays_on_its_line(value: object, template: str) -> None:
    inner = say(template, path=value)
    for words in (inner, say("warning: {message}", message=inner)):
        assert len(words.text().splitlines()) == 1 and not OBEYED.search(words.text("zh"))
        assert not OBEYED.search(str(words.to_dict()["message"]))


def test_numbers_keep_their_format() -> None:
    assert say("{a:.2f} {b:,} {c:>4}|{d}", a=1.005, b=1234, c="x", d=None).text() == "1.00 1,234    x|None"


def test_an_error_cannot_forge_a_second_one() -> None:
    error = UsageError(
        Problem(
            say("unknown {type}", type=FORGED), FORGED, next=say("loralab check {path}", path=Path(FORGED))
        )
    )
    lines = error.text().splitlines()
    assert len(lines) == 2 and sum("next:" in line.split("␊")[0] for line in lines) == 1
    assert shlex.split(lines[1])[-1].startswith("$x\\x0a")  # one word, which bash reads as $'...'


def test_paths_in_the_next_command_are_quoted_however_deep() -> None:
    inner = say("loralab show {path}", path=Path("/a b/$(id)"))
    problem = Problem(say("wrong"), next=say("first {command}", command=inner))
    assert problem.text() == "wrong\n  next: first loralab show '/a b/$(id)'"


@pytest.mark.parametrize("template", ["{n:>99999999}", "{n.__class__}", "{n}"])
def test_a_template_of_a_record_that_is_not_ours_is_not_carried_out(template: str) -> None:
    words = recorded({"message": "said", "template": template, "values": {"n": "x"}})
    assert words == Words("{message}", {"message": "said"})
