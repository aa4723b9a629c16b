"""The mask preview on the terminal: marks, colours, the cut, and nothing that controls the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from doubles.tiny_model import make_tokenizer
from loralab.cli.console import QUIET, Console
from loralab.cli.preview import print_preview
from loralab.data.conversation import Conversation, Message
from loralab.encode import ChatTemplate, encode, read_template

END = "<|im_end|>"


@pytest.fixture(scope="module")
def template() -> ChatTemplate:
    return read_template(make_tokenizer())


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def prepared(rows: Sequence[tuple[str, str]], template: ChatTemplate, limit: int = 999) -> Any:
    """Rows as `prepare` leaves them, as far as a preview looks at them."""
    talks = [Conversation((Message("user", q), Message("assistant", a))) for q, a in rows]
    encoded = [encode(talk, template, "template", "text") for talk in talks]
    return SimpleNamespace(
        epoch=[SimpleNamespace(index=i, place=f"f:{i + 1}") for i in range(len(rows))],
        encoded=SimpleNamespace(store=SimpleNamespace(lengths=[len(e.ids) for e in encoded]), limit=limit),
        tokens_of=lambda index: encoded[index].cut(limit),
    )


def test_marks_without_colours(template: ChatTemplate, capsys: pytest.CaptureFixture[str]) -> None:
    print_preview(prepared([("q", "ans[b]wer"), ("r", "s")], template), template, 1, Console("en"))
    legend, head, *text = capsys.readouterr().err.splitlines()
    assert legend == "⟦trained on⟧  ⟦end of an answer, trained on⟧  only read"
    assert head == "f:1: 30 tokens, 10 trained on"
    assert text == ["<|im_start|>user", f"q{END}", "<|im_start|>assistant", f"⟦ans[b]wer⟧⟦{END}⟧", ""]


def test_as_many_rows_as_asked_for_and_one_legend(
    template: ChatTemplate, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = prepared([("q", str(i)) for i in range(5)], template)
    for count, shown in ((0, 0), (3, 3), (9, 5)):
        print_preview(rows, template, count, Console("en"))
        said = capsys.readouterr().err
        assert (said.count("trained on⟧  ⟦"), said.count(f"⟦{END}⟧")) == (1, shown)


def test_colours_on_a_terminal(
    template: ChatTemplate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    print_preview(prepared([("q", "answer")], template), template, 1, Console("en"))
    said = capsys.readouterr().err
    assert f"\x1b[32manswer\x1b[0m\x1b[1;7;32m{END}\x1b[0m" in said and "⟦" not in said


def test_no_color_leaves_marks_on_a_terminal(
    template: ChatTemplate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    print_preview(prepared([("q", "answer")], template), template, 1, Console("en"))
    said = capsys.readouterr().err
    assert f"⟦answer⟧⟦{END}⟧" in said and "\x1b" not in said


def test_a_row_cannot_control_the_terminal(
    template: ChatTemplate, capsys: pytest.CaptureFixture[str]
) -> None:
    print_preview(prepared([("\x1b[2J\x07\u202e", "a\rb\x00")], template), template, 1, Console("en"))
    said = capsys.readouterr().err
    assert "␛[2J␇⟨U+202E⟩" in said and "⟦a␍b␀⟧" in said
    assert not {"\x1b", "\x07", "\r", "\x00", "\u202e"} & set(said)


def test_a_cut_row_says_how_much_is_left_out(
    template: ChatTemplate, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = prepared([("q", "answer")], template)
    limit = whole.encoded.store.lengths[0] - 3
    print_preview(prepared([("q", "answer")], template, limit), template, 1, Console("zh"))
    said = capsys.readouterr().err
    assert "⟦answ⟧\n……在此截断：略去 3 个 token\n" in said and f"⟦{END}⟧" not in said
    print_preview(whole, template, 1, Console("zh"))
    assert "截断" not in capsys.readouterr().err


def test_no_rows_are_said_and_quiet_is_quiet(
    template: ChatTemplate, capsys: pytest.CaptureFixture[str]
) -> None:
    print_preview(prepared([], template), template, 3, Console("en"))
    assert "no training row to show" in capsys.readouterr().err
    print_preview(prepared([("q", "a")], template), template, 3, Console("en", QUIET))
    assert capsys.readouterr().err == ""
