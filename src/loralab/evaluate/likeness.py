"""Two sides in, what makes them measure different things out: the parts of the fingerprint that differ, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loralab.evaluate.general.task import GENERAL
from loralab.evaluate.side import Side
from loralab.evaluate.task_print import task_print
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
    if baseline.path == other.path:
        return []
    return [Unlike(other.label, part, words) for part, words in _differing(baseline, other)]


def templates_differ(baseline: Side, other: Side) -> bool:
    """Whether the chat templates differ, as those of two model families do."""
    return baseline.fingerprint.get("template") != other.fingerprint.get("template")


def _differing(baseline: Side, other: Side) -> Iterator[tuple[str, Words]]:
    one, two = baseline.fingerprint, other.fingerprint
    for side, found in ((baseline, one), (other, two)):
        if not found.get("hash"):
            yield "fingerprint", say("{run} has no evaluation fingerprint", run=side.label)
    if not (one.get("hash") and two.get("hash")):
        return
    if (baseline.run is None) != (other.run is None):
        yield from _of_shared_task(baseline, other)
        return
    parts = _dict(one.get("parts")), _dict(two.get("parts"))
    differing = list(_of_parts(*parts, baseline.decoding, other.decoding)) if all(parts) else []
    yield from differing
    if one["hash"] != two["hash"] and not differing:
        yield "fingerprint", say("the evaluation fingerprints differ; the manifests do not say in what")


def _of_shared_task(baseline: Side, other: Side) -> Iterator[tuple[str, Words]]:
    """What differs in the one task that a run and an evaluation can both have."""
    if not all(GENERAL.name in side.scores for side in (baseline, other)):
        yield (
            "questions",
            say("questions: a run and an evaluation share the task general alone, and not both have it"),
        )
        return
    (one, how), (two, other_how) = task_print(baseline), task_print(other)
    yield from _of_parts(one, two, how, other_how)


def _of_parts(
    one: Mapping[str, Any], two: Mapping[str, Any], how: Mapping[str, Any], other_how: Mapping[str, Any]
) -> Iterator[tuple[str, Words]]:
    """The parts that differ, in words; `how` are the decoding settings of both."""
    for name in {**one, **two}:
        if one.get(name) != two.get(name):
            yield name, _words(name, one.get(name), two.get(name), _settings(how, other_how))


def _words(part: str, one: Any, two: Any, settings: str) -> Words:
    """The part in words, with both values where they can be read."""
    if part in PARTS:
        return PARTS[part]
    if part == "decoding":
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


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
