"""Sentences for people: an English template with values in, the sentence in the reader's language out.

Everything that loralab says to a person is a `Words` value. The English template is the key of the
catalogue, so that the code reads like the message; `words_zh/` has the Chinese sentence for each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from string import Formatter
from typing import Any

from loralab.safe_text import one_line, quoted

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Words:
    """A sentence that is not yet in any language."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """The sentence in `language`; English where the catalogue has no translation.

        Values cannot end the line, steer a terminal or hold a password in an address: most come from strangers.
        """
        template = _catalogue(language).get(self.template, self.template)
        values = {k: v.text(language) if isinstance(v, Words) else v for k, v in self.values.items()}
        return _FORMATTER.vformat(template, (), values)

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, object]:
        """The sentence for a JSON record: its English text, and what `recorded` needs for other languages."""
        plain = {k: v if isinstance(v, (int, float)) else one_line(str(v)) for k, v in self.values.items()}
        return {"message": self.text(), "template": self.template, "values": plain}

    def as_command(self) -> Words:
        """The same sentence with every path in it quoted for a shell."""
        return Words(self.template, {k: _for_shell(v) for k, v in self.values.items()})


class _Formatter(Formatter):
    """`str.format`, with every text that is put in on one line."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return one_line(format(value, format_spec))


_FORMATTER = _Formatter()


def _for_shell(value: object) -> object:
    if isinstance(value, Words):
        return value.as_command()
    return quoted(value) if isinstance(value, PurePath) else value


def say(template: str, **values: object) -> Words:
    """A sentence; `{name}` in the template stands for a value."""
    return Words(template, values)


def recorded(fields: Mapping[str, Any]) -> Words:
    """The sentence in a record that `Words.to_dict` was put into; its English text where that is all there is."""
    template, values = fields.get("template"), fields.get("values")
    message = Words("{message}", {"message": fields.get("message", "")})
    if not (isinstance(template, str) and isinstance(values, dict) and template in _catalogue("zh")):
        return message  # a template that is not ours could ask for a line of any width
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
