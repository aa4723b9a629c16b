"""Prepared data in, sentences on stderr out: what was read, what is wrong with it, what will be trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loralab.cli.console import Console
from loralab.config import Config
from loralab.encode.template import ChatTemplate
from loralab.train.prepare import Prepared
from loralab.words import say

SHOWN_ITEMS = 20


def tell_data(prepared: Prepared, template: ChatTemplate | None, config: Config, console: Console) -> None:
    """Files, rows, tokens, the mixture, then every warning."""
    report, split = prepared.report, prepared.split
    for file in report.files:
        console.say(say("{path}: {format}, {rows} rows", path=file.path, format=file.format, rows=file.rows))
    console.say(
        say("{read} rows read, {kept} kept: {train} to train on, {test} held out, {probes} probes",
            read=report.read, kept=report.kept, train=len(prepared.epoch), test=len(split.test), probes=len(split.probes))
    )  # fmt: skip
    for file in report.files:
        if "(" in file.kind:
            console.say(say("{path} is read as {kind}", path=file.path, kind=file.kind))
    if report.repaired:
        repairs = ", ".join(f"{name} {n}" for name, n in report.repaired.items())
        console.say(say("repaired: {repairs}", repairs=repairs))
    _tell_mixture(report.more.get("mixture", ()), console)
    if report.tokens:
        numbers = report.tokens.to_dict()
        console.say(
            say("tokens: median {median}, 95 % up to {p95}, longest {max}; {total} in all, {label_total} trained on",
                **numbers)
        )  # fmt: skip
        if report.tokens.cut:
            console.say(
                say("at data.max_tokens = {limit}: {cut} rows cut, {labels} tokens to train on lost, {ends} end tokens lost",
                    limit=config.data.max_tokens, cut=report.tokens.cut, labels=report.tokens.cut_labels,
                    ends=report.tokens.cut_ends)
            )  # fmt: skip
    if template:
        _tell_template(template, config, console)
    if prepared.search_seconds >= 1:
        seconds = f"{prepared.search_seconds:.1f}"
        console.say(say("the search for near-duplicates took {seconds} s", seconds=seconds))
    for _, words in prepared.warnings:
        console.say(say("warning: {message}", message=words))
    _tell_examples(report.more.get("findings", ()), console)


def _tell_mixture(mixture: Any, console: Console) -> None:
    for part in mixture:
        labels = part.get("epoch_label_tokens")
        tail = say(", {n} tokens trained on", n=labels) if labels is not None else ""
        console.say(
            say("in an epoch: {rows} rows ({share:.1%}) of {path}{tail}",
                rows=part["epoch_rows"], share=part["share"], path=part["path"], tail=tail)
        )  # fmt: skip


def _tell_template(template: ChatTemplate, config: Config, console: Console) -> None:
    if config.data.system is None:
        text = template.default_system()
        console.say(say("without a system prompt the template opens with: {text!r}", text=text))
    pad = config.data.answer_end == "pad"
    end = template.tokenizer.decode([template.pad_id]) if pad else template.end_text
    console.say(say("a trained answer ends with: {text!r}", text=end))


def _tell_examples(findings: Any, console: Console) -> None:
    for finding in findings:
        for example in finding["examples"]:
            console.say(
                say("{code}, for example {place}: {text!r}",
                    code=finding["code"], place=example["place"], text=example["text"])
            )  # fmt: skip


def tell_contamination(found: Mapping[str, dict[str, Any]], console: Console) -> None:
    """For each benchmark file how many of its questions stand in the rows, and which."""
    for path, file in found.items():
        console.say(
            say("{path}: {found} of {asked} questions nearly stand in the rows, {training} of them in training rows",
                path=path, found=file["found"], asked=file["asked"], training=file["found_in_training"])
        )  # fmt: skip
        for pair in file["pairs"][:SHOWN_ITEMS]:
            console.say(
                say("  item {item} ({place}): {share:.0%} of it in {row} ({set})",
                    item=pair["item"], place=pair["place"], share=pair["share"], row=pair["row"], set=pair["set"])
            )  # fmt: skip
        if len(file["pairs"]) > SHOWN_ITEMS:
            console.say(say("  {n} more; --json lists all", n=len(file["pairs"]) - SHOWN_ITEMS))
        if file["unread"]:
            console.say(say("warning: {n} rows of {path} cannot be read", n=file["unread"], path=path))
        for row in file["unread_rows"]:
            console.say(
                say(
                    "  {place}: {reason}: {detail}",
                    place=row["place"],
                    reason=row["reason"],
                    detail=row["detail"],
                )
            )
