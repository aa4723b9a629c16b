"""A page template with its values in, HTML out in which every value is escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache, partial
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from loralab.report import tables, text
from loralab.run.view import stage_name
from loralab.safe_text import visible
from loralab.words import Words, say


def render_page(template: str, styles: tuple[str, ...], language: str, **values: Any) -> str:
    """One page that needs no network, no script or second file, with these style sheets in it.

    The security policy in the head lets in the page's own style and nothing else.
    """
    style = "".join(_resource(name) for name in styles)
    return render(template, language, style=Markup(style), style_hash=_hash(style), **values)


def render(template: str, language: str, **values: Any) -> str:
    """The template with the sentences in `language`: a file of this folder, or of another room as "board/run.html.j2".

    Every value is escaped, as data and answers are text of strangers; characters that a page cannot hold
    become visible.
    """
    return _environment().get_template(template).render(
        say=partial(_say, language), spoken=partial(_spoken, language), language=language, **values
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    environment.filters |= {
        "number": text.number, "amount": text.amount, "signed": text.signed, "size": text.size, "moment": text.moment,
        "duration": text.duration, "stage": stage_name, "written": tables.written,
    }  # fmt: skip
    return environment


def _say(language: str, template: str, **values: object) -> str:
    return say(template, **values).text(language)


def _spoken(language: str, words: Words) -> str:
    return words.text(language)


def _shown(value: Any) -> Any:
    """The last step before escaping: characters that a page cannot hold become visible."""
    return value if isinstance(value, Markup) else visible(str(value))


def _hash(style: str) -> str:
    """The style sheet's hash for the content security policy, which lets no other style in."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")


def _resource(name: str) -> str:
    room, _, file = name.rpartition("/")
    return resources.files(f"loralab.{room or 'report'}").joinpath(file).read_text("utf-8")
