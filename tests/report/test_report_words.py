"""Every sentence of the report has a Chinese one with the same values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import loralab.report
from loralab.report.words_zh import REPORT_ZH

ROOM = Path(loralab.report.__file__).parent
IN_TEMPLATE = re.compile(r"""say\((?:"([^"]*)"|'([^']*)')""")


def sentences() -> Iterator[str]:
    """The English templates in code and page; those that only pass a value through are no sentences."""
    found = [a or b for a, b in IN_TEMPLATE.findall((ROOM / "page.html.j2").read_text("utf-8"))]
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                match node.args:
                    case [ast.Constant(value=str(template))]:
                        found.append(template)
    yield from (text for text in found if not re.fullmatch(r"\{\w+\}", text))


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_every_sentence_is_translated_and_no_translation_is_left_over() -> None:
    said = set(sentences())
    assert len(said) > 90
    assert said - set(REPORT_ZH) == set()
    assert set(REPORT_ZH) - said == set()


def test_translations_hold_the_same_values() -> None:
    assert {en: zh for en, zh in REPORT_ZH.items() if names(en) != names(zh)} == {}
