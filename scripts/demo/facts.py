"""Keeps facts.json, the demo's record of how its model and data were made, one section a script."""

import json

from .corpus import ASSETS

FACTS_FILE = ASSETS / "facts.json"


def read_facts() -> dict[str, object]:
    """Returns the sections written so far."""
    if not FACTS_FILE.exists():
        return {}
    facts: dict[str, object] = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    return facts


def update_facts(section: str, value: object) -> None:
    """Replaces one section and leaves the others as they are."""
    facts = read_facts() | {section: value}
    text = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True)
    FACTS_FILE.write_text(text + "\n", encoding="utf-8")
