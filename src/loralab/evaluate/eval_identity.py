"""What was asked before and what is asked now in, a refusal that names each difference out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from loralab.errors import Problem, UsageError
from loralab.words import Words, say

HASH_DIGITS, SHOWN_DIGITS = 64, 12
Document = Mapping[str, Any]


def refuse_differences(then: Document, now: Document, where: Path, goes_on: bool) -> None:
    """Raise UsageError naming what differs between two eval.json documents, if anything does.

    Only what changes answers counts, not where files lie. `goes_on`: answers are still to be added, so device
    and number format must be the same as well.
    """
    try:
        old = _identity(then, goes_on)
    except (AttributeError, KeyError, TypeError):  # edited by hand
        what = say("was not written by this version of loralab eval")
        raise UsageError(Problem(what, str(where), next=say("choose another folder with --out"))) from None
    new = _identity(now, goes_on)
    differing = [name for name in new if old.get(name) != new[name]]
    if "server" in differing and None in (old["server"], new["server"]):
        differing = ["server"]  # from which the rest follows
    if differing != ["fingerprint"]:
        differing = [name for name in differing if name != "fingerprint"]  # its cause is named by another
    if differing:
        problems = [Problem(_difference(n, old.get(n), new[n]), str(where)) for n in differing]
        problems[-1] = replace(problems[-1], next=_advice())
        raise UsageError(*problems)


def _advice() -> Words:
    return say("choose another folder with --out, or repeat the old settings")


def _difference(name: str, old: Any, new: Any) -> Words:
    if isinstance(old, dict) and isinstance(new, dict):
        parts = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
        return say("{name} is another one: {parts} differ", name=name, parts=", ".join(parts))
    return say("{name} was {old}, is now {new}", name=name, old=_shown(old), new=_shown(new))


def surroundings_changed(then: Document, now: Document) -> list[Words]:
    """What may change answers in their last bits: package versions, threads, how a server is asked."""
    old, new = _surroundings(then), _surroundings(now)
    return [
        say("{name} was {old}, is now {new}", name=name, old=old.get(name), new=new[name])
        for name in new
        if old.get(name) != new[name]
    ]


def _surroundings(document: Document) -> dict[str, Any]:
    server = document.get("server")
    asked = {name: server[name] for name in ("url", "in_flight")} if server else {}
    return {**(document.get("versions") or {}), "threads": document.get("threads"), **asked}


def _identity(document: Document, goes_on: bool) -> dict[str, Any]:
    """Each thing that answers and scores depend on, by its name on the command line where it has one."""
    questions, decoding = document.get("questions", {}), document.get("decoding", {})
    identity = {
        "task": f"{document.get('task')} ({document.get('metric')}, {document.get('task_version')})",
        "questions": questions.get("sha256"),
        "limit": questions.get("asked"),
        "model": _hashes(document.get("model")),
        "adapter": _hashes(document.get("adapter")),
        **_served(document),
        "system": document.get("system"),
        "max_new_tokens": decoding.get("max_new_tokens"),
        "batch_rows": decoding.get("batch_rows"),
        "stop_token_ids": decoding.get("stop_token_ids"),
        "dtype": document.get("dtype", {}).get("asked"),
        "fingerprint": document.get("fingerprint", {}).get("parts"),
        "template": document.get("fingerprint", {}).get("template"),
    }
    if goes_on:
        identity |= {"device": document.get("device"), "dtype in use": document.get("dtype", {}).get("used")}
    return identity


def _served(document: Document) -> dict[str, str | None]:
    """The server's software and its name of the model; None where this process answers."""
    server = document.get("server")
    if server is None:
        return {"server": None, "server_model": None}
    return {"server": f"{server['engine']} {server['version']}", "server_model": server["model"]}


def _hashes(described: Document | None) -> dict[str, str] | None:
    """File name to sha256; None where there is no adapter."""
    if not described:
        return None
    return {f["path"]: f["sha256"] for f in (*described.get("weights", ()), *described.get("files", ()))}


def _shown(value: Any) -> str:
    """A value short enough for a sentence: hashes by their first digits, files by their names."""
    if isinstance(value, dict):
        return ", ".join(value)
    if isinstance(value, str) and len(value) == HASH_DIGITS:
        return value[:SHOWN_DIGITS]
    return "-" if value is None else str(value)
