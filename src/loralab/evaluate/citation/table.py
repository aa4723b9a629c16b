"""A statute's name in, what is known of it out: its last article, the articles 之N, the date of the version.

The table `statutes.json` is written by scripts/build_statutes.py and holds national laws of the PRC: no texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

STATE = "中华人民共和国"


@dataclass(frozen=True, slots=True)
class Statute:
    """A law of the table.

    `last_article` is None where only the name is known. `sub_articles` are the articles 之N as (article, N).
    `version_date` is that of adoption or last amendment of the version counted, ISO; of a repealed law the day on
    which it ceased to be in force. `source` says where the numbers come from.
    """

    name: str
    short_names: tuple[str, ...]
    last_article: int | None
    version_date: str | None
    source: str
    repealed: bool = False
    sub_articles: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    @property
    def key(self) -> str:
        """The name by which citations are compared: the full title without the name of the state."""
        return self.name.removeprefix(STATE)

    def holds(self, article: int, sub: int = 0) -> bool:
        """Whether the law has the article, or nobody knows: False only for one that does not exist."""
        if self.last_article is None:
            return True
        if sub:
            return (article, sub) in self.sub_articles
        return 1 <= article <= self.last_article


@cache
def by_key() -> Mapping[str, Statute]:
    """The laws of the table by their keys."""
    return {law.key: law for law in _read()}


@cache
def short_names() -> Mapping[str, str]:
    """{any name without 中华人民共和国: key}."""
    names = {short: law.key for law in by_key().values() for short in law.short_names}
    return names | {key: key for key in by_key()}


def _read() -> Iterator[Statute]:
    table = json.loads(files(__package__).joinpath("statutes.json").read_text("utf-8"))
    for law in table["laws"]:
        yield Statute(
            law["name"],
            tuple(law["short_names"]),
            law["last_article"],
            law["version_date"],
            table["sources"][law["source"]],
            law["source"] == "repealed",
            frozenset((article, sub) for article, sub in law["sub_articles"]),
        )
