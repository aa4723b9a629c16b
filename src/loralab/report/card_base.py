"""A run in, its base model as others can find it out: a name on a hub, or no more than the name of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loralab.hub.files import HUBS, REPOSITORY
from loralab.report.private import file_name
from loralab.run.view import Run

COMMIT_DIGITS = 40


@dataclass(frozen=True)
class Base:
    """`hub` is empty for a folder of the machine that trained, whose path is nobody's concern."""

    name: str
    hub: str
    revision: str | None


def base_of(run: Run) -> Base:
    """The base model of a run; a name that is no owner/name on a hub is taken for that of a folder."""
    model = _dict(run.manifest.get("model"))
    name = str(model.get("name") or _dict(run.config.get("model")).get("name") or "")
    hub = str(model.get("origin") or "")
    if hub not in HUBS or not REPOSITORY.fullmatch(name):
        return Base(file_name(name), "", None)
    revision = model.get("revision")
    return Base(name, hub, revision if isinstance(revision, str) and revision else None)


def base_weights(run: Run) -> list[tuple[str, str]]:
    """(file name, sha256) of the base's weights as they were read."""
    found = _dict(run.manifest.get("model")).get("weights")
    files = [f for f in found if isinstance(f, dict)] if isinstance(found, list) else []
    return [(file_name(str(f.get("path", ""))), str(f.get("sha256") or "")) for f in files]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
