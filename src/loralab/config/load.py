"""A YAML file and `key=value` overrides in, one checked `Config` out, or every mistake at once.

The file is composed into YAML nodes only, never constructed, so that each value keeps its line and no
YAML tag can run code. Values of keys that look like secrets are refused and never repeated.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loralab.config.coerce import PLAIN_TAG, BadValue, Place, check_tags, is_null, read_value
from loralab.config.schema import Config, DataConfig, RunConfig
from loralab.errors import Problem, UsageError
from loralab.safe_text import SECRET_NAME
from loralab.words import Words, say

SEPARATOR = re.compile("[:=]")
WIDE_COLON = re.compile("^[ \\w.]+\uff1a", re.MULTILINE)
NAMED_IN_ERROR = re.compile(r"(alias|anchor|handle) '.*'")
SECTIONS: dict[str, type] = dict(typing.get_type_hints(Config))


@dataclass
class Reading:
    """What has been read so far: values with their places, and the problems found."""

    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    places: dict[tuple[str, str], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    suggested: set[str] = field(default_factory=set)  # keys that a misspelt one was probably meant to be

    def wrong(self, where: str, what: Words, next_step: Words | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(what, where, next=next_step))

    def complained_of(self, key: str) -> bool:
        """Whether a problem names the key, so that no other need be made of its absence."""
        return key in self.suggested or any(key in str(p.what) for p in self.problems)


def load_config(
    path: str | Path, overrides: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> Config:
    """The config in a YAML file, with `section.key=value` overrides applied.

    Paths in the file are relative to the file, in overrides to the working folder; the result holds
    absolute paths. Raises UsageError with every mistake found (`file:line`, nearest name).
    """
    path = Path(path)
    reading = Reading()
    root = compose(path)
    if root is not None:
        _read_document(root, path, Place(path.absolute().parent, environment), reading)
    return _finish(reading, overrides, environment, str(path))


def make_config(overrides: Sequence[str], environment: Mapping[str, str] = os.environ) -> Config:
    """A config from defaults and `section.key=value` overrides alone; raises UsageError."""
    return _finish(Reading(), overrides, environment, "")


def override(config: Config, overrides: Sequence[str], environment: Mapping[str, str] = os.environ) -> Config:
    """`config` with overrides applied; raises UsageError."""
    return _finish(_of(config), overrides, environment, "")


def with_nodes(config: Config, given: Sequence[tuple[str, yaml.Node, str]], place: Place) -> Config:
    """`config` with values set as (section.key, node of a file, file:line); raises UsageError with every mistake."""
    reading = _of(config)
    for name, node, where in given:
        section, _, key = name.partition(".")
        if section in SECTIONS:
            _read_key(section, key, node, where, place, reading)
        else:
            _unknown_section(section, where, reading)
    return _finish(reading, (), place.environment, "")


def _of(config: Config) -> Reading:
    """The values of a config, as if they had been read, without places."""
    reading = Reading()
    for section, cls in SECTIONS.items():
        for item in dataclasses.fields(cls):
            reading.values[section, item.name] = getattr(getattr(config, section), item.name)
    return reading


# ------------------------------------------------------------------------------------------- the file


def compose(path: Path) -> yaml.Node | None:
    """The node of a YAML file, None for an empty one; raises UsageError with `file:line`."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            Problem(say("no such file"), str(path), next=say("loralab init {path}", path=path))
        ) from None
    except IsADirectoryError:
        raise UsageError(Problem(say("is a folder, a config file is expected"), str(path))) from None
    except OSError as error:
        raise UsageError(Problem(say("cannot be read: {reason}", reason=error.strerror), str(path))) from None
    except UnicodeDecodeError as error:
        line = 1 + path.read_bytes()[: error.start].count(b"\n")
        raise UsageError(Problem(say("is not UTF-8 text"), f"{path}:{line}")) from None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        # a password may begin with * or & or !, and is never repeated
        reason = NAMED_IN_ERROR.sub(r"\1", error.problem or error.context or "not YAML")
        what = say("is not valid YAML: {reason}", reason=reason)
        raise UsageError(Problem(what, f"{path}:{line}", next=_colon_advice(text))) from None
    except yaml.reader.ReaderError as error:
        line = 1 + text[: error.position].count("\n")
        raise UsageError(Problem(say("holds a character that YAML forbids"), f"{path}:{line}")) from None
    except RecursionError:
        raise UsageError(Problem(say("is nested too deeply"), str(path))) from None
    except (ValueError, OverflowError):  # chr() of an escape such as \UFFFFFFFF
        raise UsageError(Problem(say("holds a character that YAML forbids"), str(path))) from None


def _colon_advice(text: str, first_line: int = 1) -> Words | None:
    """What to do where a key ends in the colon of Chinese typing, which YAML takes for a letter."""
    if not (found := WIDE_COLON.search(text)):
        return None
    line = first_line + text.count("\n", 0, found.end())
    return say("line {line} has a full-width colon (\uff1a) after a key: write : and a space", line=line)


def _read_document(root: yaml.Node, path: Path, place: Place, reading: Reading) -> None:
    if is_null(root):
        return
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(Problem(say("must hold sections such as model: and data:"), f"{path}:1"))
    for section, node, where in entries(root, path, "", reading):
        if section not in SECTIONS:
            _unknown_section(section, where, reading)
        elif not PLAIN_TAG.fullmatch(node.tag):
            tagged = say("must be a plain value, without a YAML tag")
            reading.wrong(where, say("{key} {problem}", key=section, problem=tagged))
        elif isinstance(node, yaml.MappingNode):
            for key, value, line in entries(node, path, f"{section}.", reading):
                _read_key(section, key, value, line, place, reading)
        elif not is_null(node):
            advice = _colon_advice(str(node.value), node.start_mark.line + 1)
            reading.wrong(where, say("{key} must hold keys, one a line", key=section), advice)


def entries(
    node: yaml.MappingNode, path: Path, prefix: str, reading: Reading
) -> Iterator[tuple[str, yaml.Node, str]]:
    """(key, value, file:line) of a mapping; secrets, repeated keys and keys that are no words are reported."""
    seen: dict[str, int] = {}
    for key_node, value in node.value:
        line = key_node.start_mark.line + 1
        where = f"{path}:{line}"
        if not isinstance(key_node, yaml.ScalarNode) or not PLAIN_TAG.fullmatch(key_node.tag):
            reading.wrong(where, say("a key must be a word"))
        elif SECRET_NAME.search(name := _name(key_node.value)):
            reading.problems.append(secret_problem(name, where))
        elif key_node.value in seen:
            first = seen[key_node.value]
            reading.wrong(
                where,
                say("{key} is set twice, first in line {line}", key=prefix + key_node.value, line=first),
            )
        else:
            seen[key_node.value] = line
            yield key_node.value, value, where


def _name(text: str) -> str:
    """What stands before the first `:` or `=`: the rest may be a secret, and is never repeated."""
    return SEPARATOR.split(text, maxsplit=1)[0].strip()


def _unknown_section(section: str, where: str, reading: Reading) -> None:
    reading.wrong(where, unknown(section, "", list(SECTIONS)))
    for near in _nearest(section, list(SECTIONS)):
        reading.suggested |= {f"{near}.{item.name}" for item in dataclasses.fields(SECTIONS[near])}


def secret_problem(key: str, where: str) -> Problem:
    """The refusal of a key that looks like a secret; its value is not repeated."""
    return Problem(
        say("{key} looks like a secret; secrets do not belong in a config", key=key),
        where,
        say("a config is copied into every run folder"),
        say("set the tracker's own environment variable, such as SWANLAB_API_KEY, or use its login"),
    )


# ------------------------------------------------------------------------------------ keys and overrides


def _read_key(section: str, key: str, node: yaml.Node, where: str, place: Place, reading: Reading) -> None:
    cls = SECTIONS[section]
    known = {item.name: item for item in dataclasses.fields(cls)}
    if key not in known:
        reading.wrong(where, unknown(key, section, list(known)))
        reading.suggested |= {f"{section}.{near}" for near in _nearest(key, list(known))}
        return
    try:
        check_tags(node)
        value = read_value(node, typing.get_type_hints(cls)[key], known[key], place)
    except BadValue as bad:
        reading.wrong(where, say("{key} {problem}", key=f"{section}.{key}", problem=bad.words))
        return
    reading.values[section, key] = value
    reading.places[section, key] = where


def _nearest(key: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(key, known, n=1, cutoff=0.5)


def unknown(key: str, section: str, known: list[str]) -> Words:
    """What to say of a key that nobody knows: the nearest one, or where it belongs."""
    full = f"{section}.{key}" if section else key
    if near := _nearest(key, known):
        return say("unknown key {key}; did you mean {near}?", key=full, near=near[0])
    owners = [s for s, cls in SECTIONS.items() if key in {f.name for f in dataclasses.fields(cls)}]
    if owners:
        return say("unknown key {key}; it belongs under {section}", key=full, section=f"{owners[0]}:")
    return say("unknown key {key}; known: {known}", key=full, known=", ".join(known))


def _apply_override(text: str, environment: Mapping[str, str], reading: Reading) -> None:
    written, equals, raw = text.partition("=")
    name = _name(written)
    section, dot, key = name.partition(".")
    if SECRET_NAME.search(name):
        reading.problems.append(secret_problem(name, "command line"))
    elif not equals or not dot or ":" in written:
        reading.wrong(name, say("an override is written section.key=value, such as train.epochs=3"))
    elif section not in SECTIONS:
        _unknown_section(section, name, reading)
    else:
        node = _compose_value(raw)
        if node is None:
            reading.wrong(name, say("is not valid YAML: {reason}", reason="value"))
        else:
            _read_key(section, key, node, "command line", Place(Path.cwd(), environment), reading)


def _compose_value(raw: str) -> yaml.Node | None:
    """The node of an override's value: YAML where it is a list or mapping, else the text as it stands."""
    if raw.lstrip()[:1] in ("[", "{", '"', "'"):
        try:
            return yaml.compose(raw, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError, ValueError, OverflowError):  # see compose
            return None
    return yaml.ScalarNode("tag:yaml.org,2002:str", raw.strip())


def _finish(reading: Reading, overrides: Sequence[str], environment: Mapping[str, str], path: str) -> Config:
    for text in overrides:
        _apply_override(text, environment, reading)
    for section, cls in SECTIONS.items():
        for item in dataclasses.fields(cls):
            required = item.metadata["limits"] == "is required"
            unset = not reading.values.get((section, item.name))
            key = f"{section}.{item.name}"
            if required and unset and not reading.complained_of(key):
                reading.wrong(path or "config", say("{key} is required", key=key))
    _check_pairs(reading)
    if reading.problems:
        raise UsageError(*sorted(reading.problems, key=line_of))
    reading.values.setdefault(("run", "dir"), str(Path.cwd() / RunConfig().dir))
    folder = reading.values.get(("run", "dir"), SECTIONS["run"]().dir)
    reading.values["run", "dir"] = str(Path(folder).absolute())
    sections = {
        section: cls(**{k: v for (s, k), v in reading.values.items() if s == section})
        for section, cls in SECTIONS.items()
    }
    return Config(**sections)


def line_of(problem: Problem) -> tuple[str, int]:
    """The file and the line that a problem names, to sort by."""
    name, _, line = problem.where.rpartition(":")
    return (name, int(line)) if line.isascii() and line.isdigit() else (problem.where, 0)


def _check_pairs(reading: Reading) -> None:
    """Keys that only make sense together, or of which one would have no effect."""
    _check_length(reading)
    _check_split(reading)
    _check_choice(reading)
    if _valued(reading, "model.device_map") and _valued(reading, "model.shard") == "fsdp":
        words = say(
            "model.device_map and model.shard: fsdp are both set; they are two ways to spread one base"
        )
        _wrong_together(reading, words, "model.device_map", "model.shard")
    values, places = reading.values, reading.places
    shape, fields = ("data", "format"), ("data", "fields")
    if set(values.get(fields, ())) - {"system"} and values.get(shape, "auto") != "auto":
        reading.wrong(
            _later(places.get(fields, ""), places.get(shape, "")),
            say("data.fields and data.format are both set; data.format would have no effect"),
        )


def _check_length(reading: Reading) -> None:
    values, places = reading.values, reading.places
    epochs, max_steps = ("train", "epochs"), ("train", "max_steps")
    if values.get(max_steps) is not None:
        if epochs in places and values[epochs] is not None:
            reading.wrong(
                _later(places[epochs], places.get(max_steps, "")),
                say("train.epochs and train.max_steps are both set; one of them would have no effect"),
                say("remove one, or set it to null"),
            )
        values[epochs] = None
    elif epochs in places and values[epochs] is None and not reading.complained_of("train.max_steps"):
        reading.wrong(places[epochs], say("train.epochs is empty and train.max_steps is not set"))


def _check_split(reading: Reading) -> None:
    values, places, defaults = reading.values, reading.places, DataConfig()
    split = ("data", "split")
    if values.get(split) is None:
        return
    for key in ("test", "probes", "stratify", "split_seed"):
        other = ("data", key)
        value = values.get(other, getattr(defaults, key))
        # a file of test or probe rows is compared with those of the earlier run
        is_file = key in ("test", "probes") and isinstance(value, str)
        if not is_file and value != getattr(defaults, key):
            reading.wrong(
                _later(places.get(split, ""), places.get(other, "")),
                say("data.split and data.{key} are both set; data.{key} would have no effect", key=key),
            )


def _check_choice(reading: Reading) -> None:
    """How the adapter is chosen, as far as the config alone tells that there would be nothing to choose by."""
    best, stages = _valued(reading, "evaluate.best_by"), _valued(reading, "evaluate.stages")
    if best not in ("heldout_loss", "last") and "epoch" not in stages:
        words = say("evaluate.best_by is {metric}, which is measured at the end of epochs, and evaluate.stages has no"
                    " epoch", metric=best)  # fmt: skip
        _wrong_together(reading, words, "evaluate.best_by", "evaluate.stages")
    if best == "general" and not _valued(reading, "evaluate.general"):
        words = say("evaluate.best_by is general, and evaluate.general is false: the prompts are not asked")
        _wrong_together(reading, words, "evaluate.best_by", "evaluate.general")
    if _valued(reading, "evaluate.heldout_every_steps") is not None and not _valued(reading, "data.test"):
        words = say("evaluate.heldout_every_steps is set, and data.test leaves no rows to measure")
        _wrong_together(reading, words, "evaluate.heldout_every_steps", "data.test")
    if _valued(reading, "train.stop_after_worse_evaluations") is not None:
        _check_stopping(reading, best, stages)


def _check_stopping(reading: Reading, best: str, stages: Sequence[str]) -> None:
    key = "train.stop_after_worse_evaluations"
    if best == "last":
        words = say("train.stop_after_worse_evaluations and evaluate.best_by: last are both set; nothing would be"
                    " compared")  # fmt: skip
        _wrong_together(reading, words, key, "evaluate.best_by")
    if best != "heldout_loss":
        return
    if "epoch" not in stages and _valued(reading, "evaluate.heldout_every_steps") is None:
        words = say("train.stop_after_worse_evaluations is set, and held-out loss is measured neither at the end of"
                    " epochs (evaluate.stages) nor on the way (evaluate.heldout_every_steps)")  # fmt: skip
        _wrong_together(reading, words, key, "evaluate.stages")
    if not _valued(reading, "data.test"):
        words = say("train.stop_after_worse_evaluations is set, and data.test leaves no rows to measure")
        _wrong_together(reading, words, key, "data.test")


def _valued(reading: Reading, key: str) -> Any:
    """The value of a key, or its default."""
    section, _, name = key.partition(".")
    return reading.values.get((section, name), getattr(SECTIONS[section](), name))


def _wrong_together(reading: Reading, what: Words, *keys: str) -> None:
    """A problem of several keys, at the place of the one that was read last."""
    pairs = [key.partition(".") for key in keys]
    reading.wrong(_later(*(reading.places.get((section, name), "") for section, _, name in pairs)), what)


def _later(*places: str) -> str:
    """The place that was read last: the command line, or the greater line of the file."""
    return max(places, key=lambda place: (place == "command line", *line_of(Problem(say(""), place))))
