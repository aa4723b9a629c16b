"""Two sides in, what makes them measure different things out: the parts of the fingerprint that differ, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loralab.evaluate.side import Side
from loralab.words import Words, say

PARTS = {
    "questions": say("questions: not the same questions were asked"),
    "messages": say("messages: what was sent before the chat template differs, such as the system prompt"),
    "references": say("references: the answers that count as right differ"),
}
MOST_VALUES = 6


@dataclass(frozen=True)
class Unlike:
    """One part of the fingerprint that differs between the baseline and another side."""

    run: str
    part: str
    words: Words


def unlike(baseline: Side, other: Side) -> list[Unlike]:
    """Why the scores of two sides must not stand side by side; empty if nothing speaks against it."""
    if baseline.run.folder.path == other.run.folder.path:
        return []
    return [Unlike(other.label, part, words) for part, words in _differing(baseline, other)]


def templates_differ(baseline: Side, other: Side) -> bool:
    """Whether the chat templates differ, as those of two model families do."""
    one, two = (_print(side).get("template") for side in (baseline, other))
    return one != two


def _differing(baseline: Side, other: Side) -> Iterator[tuple[str, Words]]:
    one, two = _print(baseline), _print(other)
    for side, found in ((baseline, one), (other, two)):
        if not found.get("hash"):
            yield "fingerprint", say("{run} has no evaluation fingerprint", run=side.label)
    if not (one.get("hash") and two.get("hash")):
        return
    parts = [_dict(found.get("parts")) for found in (one, two)]
    both = {**parts[0], **parts[1]} if all(parts) else {}
    names = [name for name in both if parts[0].get(name) != parts[1].get(name)]
    for name in names:
        yield name, _words(name, parts[0].get(name), parts[1].get(name), baseline, other)
    if one["hash"] != two["hash"] and not names:
        yield "fingerprint", say("the evaluation fingerprints differ; the manifests do not say in what")


def _words(part: str, one: Any, two: Any, baseline: Side, other: Side) -> Words:
    """The part in words, with both values where they can be read."""
    if part in PARTS:
        return PARTS[part]
    if part == "decoding":
        settings = _settings(_dict(baseline.manifest.get("decoding")), _dict(other.manifest.get("decoding")))
        return say("decoding: the answers were made with other settings{settings}", settings=settings)
    if part == "backend":
        return say("backend: the answers were made by {one} and by {two}", one=one, two=two)
    if part == "metrics":
        return say("metrics: {one} against {two}", one=_listed(one, two), two=_listed(two, one))
    return say("{part}: {one} against {two}", part=part, one=one, two=two)


def _settings(one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """Those decoding settings that differ, as in " (max_new_tokens 512 / 256)"."""
    names = [name for name in {**one, **two} if one.get(name) != two.get(name) and name != "stop_token_ids"]
    told = [f"{name} {one.get(name)} / {two.get(name)}" for name in names[:MOST_VALUES]]
    return f" ({', '.join(told)})" if told else ""


def _listed(mine: Any, theirs: Any) -> str:
    """What one list has and the other lacks."""
    if not (isinstance(mine, list) and isinstance(theirs, list)):
        return str(mine)
    return ", ".join(str(name) for name in mine if name not in theirs) or "–"


def _print(side: Side) -> Mapping[str, Any]:
    """The evaluation fingerprint; one that is a bare hash has no parts."""
    found = side.manifest.get("evaluation_fingerprint")
    return {"hash": found} if isinstance(found, str) else _dict(found)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
