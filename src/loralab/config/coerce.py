"""One YAML node and the field it belongs to in, a typed value out.

YAML's own guesses are not used: a scalar is read as what the field expects, so that `1e-4` is a number
and `off` a word or a boolean by need. A value that does not fit raises `BadValue`.
"""

from __future__ import annotations

import math
import os
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from loralab.config.schema import DataSource, Slice
from loralab.safe_text import SECRET_NAME, has_user
from loralab.words import Words, say

TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")
NULL = ("", "~", "null")
FIELD_NAMES = ("system", "question", "answer", "messages")
SOURCE_KEYS = ("path", "weight", "rows")
MOST_WEIGHT = 1000  # an epoch holds the index of a row this many times
FIELD_SETS: tuple[set[str], ...] = (
    set(),
    {"question", "answer"},
    {"messages"},
)  # each with or without system
WHOLE_NUMBER = re.compile(r"[+-]?\d+")
SLICE = re.compile(r"(\d+):(\d+)")
UNUSABLE = re.compile("[\0\ud800-\udfff]")
PLAIN_TAG = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|timestamp|seq|map|value|merge)")
VARIABLE = re.compile(r"\$(\$|\w+|\{\w+\})")
SEPARATOR = re.compile("([:=]).*", re.DOTALL)
MODULE = re.compile(r"[\w.]*")
DEVICE = re.compile(r"cpu|disk|mps|(cuda:)?(0|[1-9][0-9]{0,3})")
PLACES = "{model.embed_tokens: 0, model.layers.0: 0, model.layers.1: 1, model.norm: 1, lm_head: 1}"
ON_A_HUB = re.compile(r"[a-z][a-z0-9+.-]+://|(hf|modelscope):", re.IGNORECASE)


class BadValue(Exception):
    """The value does not fit its field; `words` says what was expected."""

    def __init__(self, words: Words) -> None:
        self.words = words
        super().__init__(str(words))


@dataclass(frozen=True)
class Place:
    """What relative paths of a value are relative to, and the environment for `$NAME`."""

    base: Path
    environment: Mapping[str, str]


def read_value(node: yaml.Node, hint: Any, field: Field[Any], place: Place) -> Any:
    """The value of `node` for a field of type `hint`; raises BadValue."""
    reader = READERS.get(field.metadata["parse"])
    value = reader(node, hint, place) if reader else _by_type(node, hint)
    check = field.metadata["check"]
    if value is not None and check and not check(value):
        raise BadValue(say(field.metadata["limits"]))
    return value


def check_tags(node: yaml.Node) -> None:
    """Refuse tags such as !!python/object anywhere in a value; raises BadValue."""
    waiting, seen = [node], set()  # an alias may stand in many places, within itself too
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if not PLAIN_TAG.fullmatch(node.tag):
            raise BadValue(say("must be a plain value, without a YAML tag"))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [child for pair in node.value for child in pair]


def _scalar(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise BadValue(say("must be a single value"))
    text = str(node.value)
    if UNUSABLE.search(text):
        raise BadValue(say("holds a character that YAML forbids"))
    if has_user(text):
        raise BadValue(
            say("holds an address with a user or password; a config is copied into every run folder")
        )
    return text


def _is_plain(node: yaml.Node) -> bool:
    """Whether a scalar stands without quotes."""
    return isinstance(node, yaml.ScalarNode) and node.style is None


def is_null(node: yaml.Node) -> bool:
    """Whether the node is an empty value, `~` or `null`."""
    return _is_plain(node) and _scalar(node).lower() in NULL


def _by_type(node: yaml.Node, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        if type(None) in arguments and is_null(node):
            return None
        return _by_type(node, next(a for a in arguments if a is not type(None)))
    if is_null(node):
        raise BadValue(say("has no value"))
    if origin is Literal:
        return _choice(_scalar(node), arguments)
    return TYPES[hint](node)


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise BadValue(say("is {text!r}, must be one of: {choices}", text=text, choices=", ".join(choices)))
    return text


def _text(node: yaml.Node) -> str:
    return _scalar(node)


def _boolean(node: yaml.Node) -> bool:
    word = _scalar(node).lower()
    if word not in TRUE + FALSE:
        raise BadValue(say("is {text!r}, must be true or false", text=_scalar(node)))
    return word in TRUE


def _whole(node: yaml.Node) -> int:
    text = _scalar(node)
    if not (_is_plain(node) and WHOLE_NUMBER.fullmatch(text)):
        raise BadValue(say("is {text!r}, must be a whole number", text=text))
    return _to_int(text)


def _to_int(digits: str) -> int:
    if len(digits) > 18:  # so that it fits into 64 bits
        raise BadValue(say("is too large a number"))
    return int(digits)


def _number(node: yaml.Node) -> float:
    text = _scalar(node)
    try:
        value = float(text) if _is_plain(node) and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadValue(say("is {text!r}, must be a number", text=text))
    return value


TYPES: dict[Any, Callable[[yaml.Node], Any]] = {str: _text, bool: _boolean, int: _whole, float: _number}


# ------------------------------------------------------------------------------------- special readers


def expand_path(text: str, place: Place) -> str:
    """An absolute path from `~`, `$NAME` and a path relative to the place; undefined variables are errors.

    `$$` stands for a dollar sign. A variable that is named like a secret is not put into a path, which is recorded.
    """
    if not text:
        raise BadValue(say("has no value"))

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1).strip("{}")
        if name == "$":
            return "$"
        if SECRET_NAME.search(name):
            raise BadValue(say("uses ${name}, which looks like a secret; paths are recorded", name=name))
        if name not in place.environment:
            raise BadValue(say("uses ${name}, which is not defined in the environment", name=name))
        return place.environment[name]

    text = VARIABLE.sub(value_of, text)
    if text == "~" or text.startswith("~/"):
        text = place.environment.get("HOME", str(Path.home())) + text[1:]
    return os.path.normpath(place.base / text)


def _items(node: yaml.Node) -> list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [_scalar(item) for item in node.value]
    return [] if is_null(node) else [_scalar(node)]


def _words(node: yaml.Node, hint: Any, place: Place) -> tuple[str, ...]:
    element = typing.get_args(hint)[0]
    items = _items(node)
    if typing.get_origin(element) is Literal:
        items = [_choice(item, typing.get_args(element)) for item in items]
    return tuple(items)


def _sources(node: yaml.Node, hint: Any, place: Place) -> tuple[str | DataSource, ...]:
    if is_null(node):
        return ()
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return tuple(_source(item, place) for item in items)


def _source(node: yaml.Node, place: Place) -> str | DataSource:
    """A path, or {path, weight, rows}, of which weight and rows exclude each other."""
    if not isinstance(node, yaml.MappingNode):
        return _data_path(_scalar(node), place)
    parts = _parts(node, SOURCE_KEYS)
    if "path" not in parts:
        raise BadValue(say("must name a path, as in {example}", example="{path: law.jsonl, weight: 2}"))
    if "weight" in parts and "rows" in parts:
        raise BadValue(say("names weight and rows for one path; one of them would have no effect"))
    weight = _number(parts["weight"]) if "weight" in parts else 1.0
    if not 0 < weight <= MOST_WEIGHT:
        raise BadValue(say("has a weight that is not above 0 and at most {most}", most=MOST_WEIGHT))
    rows = _whole(parts["rows"]) if "rows" in parts else None
    if rows is not None and rows < 1:
        raise BadValue(say("has a number of rows that is not at least 1"))
    return DataSource(_data_path(_scalar(parts["path"]), place), weight, rows)


def _parts(node: yaml.MappingNode, known: tuple[str, ...]) -> dict[str, yaml.Node]:
    """The values of a small mapping by key: every key is known, stands once and has a value."""
    parts: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        key = _scalar(key_node)
        if key not in known:
            key = SEPARATOR.sub(r"\1...", key)  # without a space behind the colon the rest may be a secret
        _choice(key, known)
        if key in parts:
            raise BadValue(say("names {part} twice", part=key))
        if is_null(value):
            raise BadValue(say("has no value"))
        parts[key] = value
    return parts


def _data_path(text: str, place: Place) -> str:
    """An absolute path; what names a hub stays as it is written."""
    return text if ON_A_HUB.match(text) else expand_path(text, place)


def parse_slice(text: str) -> Slice:
    """`start:stop` as a Slice; raises BadValue if it is none or empty."""
    match = SLICE.fullmatch(text.strip())
    if not match or _to_int(match[1]) >= _to_int(match[2]):
        raise BadValue(say("is {text!r}, must be a range start:stop such as 0:5000", text=text))
    return Slice(int(match[1]), int(match[2]))


def _slice(node: yaml.Node, hint: Any, place: Place) -> Slice | None:
    return None if is_null(node) else parse_slice(_scalar(node))


def _rows_choice(node: yaml.Node, place: Place, none_allowed: bool) -> str | int | Slice | None:
    """auto, a number, a slice or a path; `none` (or null) where it is allowed."""
    text = _scalar(node)
    if none_allowed and (text == "none" or is_null(node)):
        return None
    if text == "auto":
        return text
    if _is_plain(node) and WHOLE_NUMBER.fullmatch(text):
        if _to_int(text) < 0:
            raise BadValue(say("must not be negative"))
        return int(text)
    if SLICE.fullmatch(text):
        return parse_slice(text)
    return _data_path(text, place)


def _test(node: yaml.Node, hint: Any, place: Place) -> str | int | Slice | None:
    return _rows_choice(node, place, none_allowed=True)


def _probes(node: yaml.Node, hint: Any, place: Place) -> str | int | Slice | None:
    value = _rows_choice(node, place, none_allowed=True)
    return 0 if value is None else value


def _fields(node: yaml.Node, hint: Any, place: Place) -> dict[str, str]:
    if is_null(node):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise BadValue(
            say("must be a mapping such as {example}", example="{question: query, answer: response}")
        )
    result = {part: _scalar(value) for part, value in _parts(node, FIELD_NAMES).items()}
    if set(result) - {"system"} not in FIELD_SETS:
        raise BadValue(say("must name question and answer, or messages, or system alone"))
    return result


def _keep(node: yaml.Node, hint: Any, place: Place) -> int | None:
    return None if is_null(node) or _scalar(node) == "all" else _whole(node)


def _model(node: yaml.Node, hint: Any, place: Place) -> str:
    """A model name: an absolute path if it is written as one or such a folder exists, else as written."""
    text = "" if is_null(node) else _scalar(node)
    if not text:
        return ""
    path = expand_path(text, place)
    written_as_path = text.startswith((".", "/", "~", "$")) or (os.sep != "/" and os.sep in text)
    return path if written_as_path or _exists(path) else text


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # too long a name, or a folder that may not be looked into
        return False


def _folder(node: yaml.Node, hint: Any, place: Place) -> str:
    text = "" if is_null(node) else _scalar(node)
    return expand_path(text, Place(Path.cwd(), place.environment))


def _folder_or_none(node: yaml.Node, hint: Any, place: Place) -> str | None:
    return None if is_null(node) else expand_path(_scalar(node), place)


def _init(node: yaml.Node, hint: Any, place: Place) -> str:
    text = "" if is_null(node) else _scalar(node)
    return text if text == "fresh" else expand_path(text, place)


def _device_map(node: yaml.Node, hint: Any, place: Place) -> str | dict[str, str] | None:
    """Nothing, auto, or a device for each module by its name; a bare number is that of a GPU."""
    expected = say("must be none, auto or a mapping such as {example}", example=PLACES)
    if not isinstance(node, yaml.MappingNode):
        if is_null(node) or node.value == "none":
            return None
        if node.value == "auto":
            return "auto"
        raise BadValue(expected)
    places: dict[str, str] = {}
    for key_node, value in node.value:
        part, device = _scalar(key_node), _scalar(value)
        if not (MODULE.fullmatch(part) and DEVICE.fullmatch(device)):
            raise BadValue(expected)
        if part in places:
            raise BadValue(say("names {part} twice", part=part))
        places[part] = f"cuda:{device}" if device.isdecimal() else device
    if not places:
        raise BadValue(expected)
    return places


READERS: dict[str, Callable[[yaml.Node, Any, Place], Any]] = {
    "words": _words,
    "sources": _sources,
    "slice": _slice,
    "test": _test,
    "probes": _probes,
    "fields": _fields,
    "keep": _keep,
    "model": _model,
    "folder": _folder,
    "folder_or_none": _folder_or_none,
    "init": _init,
    "device_map": _device_map,
}
