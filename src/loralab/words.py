"""Sentences for people: an English template with values in, the sentence in the reader's language out.

Everything that loralab says to a person is a `Words` value. The English template is the key of the
catalogue, so that the code reads like the message; `words_zh/` has the Chinese sentence for each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Words:
    """A sentence that is not yet in any language."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """The sentence in `language`; English where the catalogue has no translation."""
        template = _catalogue(language).get(self.template, self.template)
        values = {k: v.text(language) if isinstance(v, Words) else v for k, v in self.values.items()}
        return template.format(**values)

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, object]:
        """The sentence for a JSON record: its English text, and what `recorded` needs for other languages."""
        plain = {k: v if isinstance(v, (int, float)) else str(v) for k, v in self.values.items()}
        return {"message": self.text(), "template": self.template, "values": plain}


def say(template: str, **values: object) -> Words:
    """A sentence; `{name}` in the template stands for a value."""
    return Words(template, values)


def recorded(fields: Mapping[str, Any]) -> Words:
    """The sentence in a record that `Words.to_dict` was put into; its English text where that is all there is."""
    template, values = fields.get("template"), fields.get("values")
    message = Words("{message}", {"message": fields.get("message", "")})
    if not (isinstance(template, str) and isinstance(values, dict)):
        return message
    words = Words(template, values)
    try:
        words.text()
    except (KeyError, IndexError, ValueError, AttributeError):
        return message  # a record that was edited, or a template of another version
    return words


def choose_language(option: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The language asked for by option, `LORALAB_LANG` or the locale, in this order: "en" or "zh"."""
    for name in (option, environment.get("LORALAB_LANG")):
        if name:
            return "zh" if name.lower().startswith("zh") else "en"
    locale = next((environment[k] for k in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(k)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def _catalogue(language: str) -> Mapping[str, str]:
    if language != "zh":
        return {}
    from loralab.words_zh import SENTENCES

    return SENTENCES
