"""Every sentence of the package has a Chinese one with the same values, and none is left over."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import loralab
from loralab.config.load import SECTIONS
from loralab.errors import Problem
from loralab.run.view import stage_name
from loralab.words import LANGUAGES, choose_language, recorded, say
from loralab.words_zh import LITERAL, ROOMS, SENTENCES

PACKAGE = Path(loralab.__file__).parent
IN_TEMPLATE = re.compile(r"""say\((?:"([^"]*)"|'([^']*)')""")


def sentences() -> Iterator[str]:
    """The templates in code, in page templates and in the limits of config fields."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name("say") | ast.Attribute(ast.Name("words"), "say"),
                    args=[ast.Constant(str(template)), *_],
                ):
                    yield template
    for path in PACKAGE.rglob("*.j2"):
        yield from (a or b for a, b in IN_TEMPLATE.findall(path.read_text("utf-8")))
    for section in SECTIONS.values():
        yield from (item.metadata["limits"] for item in dataclasses.fields(section))


@cache
def said() -> set[str]:
    """Those that hold words: a value passed through alone is no sentence."""
    return {text for text in sentences() if text and not re.fullmatch(r"\{\w+\}", text)}


def values(template: str) -> Counter[tuple[str, str | None, str | None]]:
    """Name, format and conversion of each value."""
    return Counter((name, spec, conv) for _, name, spec, conv in Formatter().parse(template) if name)


def test_every_sentence_is_translated() -> None:
    assert len(said()) > 350
    assert said() - set(SENTENCES) == set()


def test_no_translation_is_left_over() -> None:
    assert set(SENTENCES) - said() == set()


def test_translations_hold_the_same_values() -> None:
    assert {en: zh for en, zh in SENTENCES.items() if values(en) != values(zh)} == {}


def test_no_sentence_is_translated_twice() -> None:
    counts = Counter([en for room in ROOMS for en in room] + list(LITERAL))
    assert [en for en, n in counts.items() if n > 1] == []


def test_a_sentence_inside_a_sentence_is_translated_too() -> None:
    words = say("evaluating: {stage}", stage=stage_name("epoch-2"))
    assert words.text("zh") == "正在评测：第 2 轮"
    assert str(words) == "evaluating: epoch 2"


def test_an_error_is_chinese_to_the_last_line() -> None:
    problem = Problem(say("no such file"), "law.yaml", next=say("loralab init {path}", path="law.yaml"))
    assert problem.text("zh") == "law.yaml: 文件不存在\n  下一步：loralab init law.yaml"
    assert problem.text() == "law.yaml: no such file\n  next: loralab init law.yaml"


def test_a_sentence_without_translation_stays_english() -> None:
    assert say("spoken {how} only here", how="once").text("zh") == "spoken once only here"


@pytest.mark.parametrize(
    ("option", "environment", "language"),
    [
        ("zh", {"LORALAB_LANG": "en"}, "zh"), (None, {"LORALAB_LANG": "zh_CN"}, "zh"),
        (None, {"LORALAB_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"), (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"), (None, {}, "en"),
    ],
)  # fmt: skip
def test_language(option: str | None, environment: dict[str, str], language: str) -> None:
    assert choose_language(option, environment) == language


def test_a_recorded_sentence_is_said_in_both_languages() -> None:
    words = say("{n} bytes of a torn last event were cut off", n=7)
    record = json.loads(json.dumps({"code": "torn_event", **words.to_dict()}))
    assert record["message"] == words.text("en")
    assert [recorded(record).text(language) for language in LANGUAGES] == [words.text(x) for x in LANGUAGES]


@pytest.mark.parametrize(
    "damage", [{"template": "{lost}"}, {"template": None}, {"values": []}, {"template": "{"}]
)
def test_a_damaged_record_still_says_its_english_message(damage: dict[str, Any]) -> None:
    record = {**say("{n} bytes of a torn last event were cut off", n=7).to_dict(), **damage}
    assert recorded(record).text("zh") == record["message"]
