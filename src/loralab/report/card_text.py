"""A run in, the text of its adapter's model card out: front matter for hubs, then what the record shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from loralab.evaluate.general.rules import language_of
from loralab.report.card_base import Base, base_of, base_weights
from loralab.report.card_code import loading_code
from loralab.report.facts import wall_seconds
from loralab.report.markdown_parts import (
    data_lines,
    file_table,
    heading,
    scores,
    setting_rows,
    status_lines,
    verdict_list,
)
from loralab.report.markdown_text import bullets, code, code_cell, fenced, plain, table
from loralab.report.run_cost import hardware
from loralab.report.tables import Setting, score_table, settings
from loralab.report.text import duration, moment
from loralab.run.view import Run, stage_name
from loralab.words import Words, say

# Settings that make an adapter what it is; of the others no weight depends.
SECTIONS = ("lora.", "train.")
KEYS = frozenset({"model.dtype", "model.trust_remote_code", "data.max_tokens", "data.on_long", "data.train_turns", "data.answer_end"})  # fmt: skip
NO_EFFECT = frozenset({
    "train.save_every_steps", "train.keep_checkpoints", "train.log_every_steps", "train.engine", "train.recompute",
})  # fmt: skip
LEAST_SHARE = 0.1  # of the reference answers, for a language to be named


def card_text(run: Run, language: str) -> str:
    """The whole card but for its mark. Every text of the run is escaped."""
    parts = [
        _front_matter(run),
        f"# {plain(run.id)}",
        *_about(run, language),
        heading(say("Verdict"), language), verdict_list(run, language),
        heading(say("Scores"), language), *_scores(run, language),
        heading(say("Training data"), language), file_table(run, language), data_lines(run, language),
        heading(say("Hyper-parameters"), language), _settings(run, language),
        heading(say("How to load it"), language), fenced(loading_code(run, language), "python"),
        heading(say("Fingerprint"), language), _fingerprint(run, language),
        heading(say("Limits"), language), bullets(plain(w.text(language)) for w in _limits(run)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n\n"


def _front_matter(run: Run) -> str:
    """What hubs read. A base that is on no hub and an unknown language are left out; the licence is never known."""
    base = base_of(run)
    fields: dict[str, Any] = {"base_model": base.name} if base.hub else {}
    fields |= {"library_name": "peft", "pipeline_tag": "text-generation", "tags": ["lora", "loralab"]}
    if found := languages(run):
        fields["language"] = found
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---"


def languages(run: Run) -> list[str]:
    """The languages (zh, en) of the run's own reference answers, the most frequent first."""
    stages = run.stages
    rows = run.predictions(stages[0]) if stages else []
    found = Counter(language_of(row["reference"]) for row in rows if row.get("set") != "general")
    return [name for name, count in found.most_common() if name and count >= LEAST_SHARE * found.total()]


def _about(run: Run, language: str) -> Iterator[str]:
    base = base_of(run)
    yield f"{plain(_what_it_is(base).text(language))}: {code(base.name)}{_at(base)}."
    yield plain(
        say("This page was made by loralab from the record of the run, which has all answers.").text(language)
    )
    if run.status != "finished":
        told = " – ".join(status_lines(run, language))
        yield f"**{plain(say('The run did not finish').text(language))}**: {told}"


def _what_it_is(base: Base) -> Words:
    if base.hub == "huggingface":
        return say("A LoRA adapter in PEFT format for a model on Hugging Face")
    if base.hub:
        return say("A LoRA adapter in PEFT format for a model on ModelScope")
    return say("A LoRA adapter in PEFT format for a model in a local folder")


def _at(base: Base) -> str:
    return f" @ {code(base.revision)}" if base.revision else ""


def _scores(run: Run, language: str) -> Iterator[str]:
    """The first stage beside the chosen adapter's, or the last one where that was not asked."""
    stages = score_table(run).stages
    last = "after" if "after" in stages else stages[-1] if stages else ""
    wanted = list(dict.fromkeys([*stages[:1], *([last] if last else [])]))
    yield plain(
        say("Each value with its 95 % interval and the number of items it is taken over.").text(language)
    )
    yield scores(run, language, wanted)
    if last and last != "after":
        words = say("The adapter was not scored as it was chosen; the last column is the stage {stage}.",
                    stage=stage_name(last))  # fmt: skip
        yield plain(words.text(language))


def _settings(run: Run, language: str) -> str:
    chosen = [setting for setting in settings(run) if _makes_the_adapter(setting)]
    if not chosen:
        return plain(say("The run has no readable config.").text(language))
    head = [plain(words.text(language)) for words in (say("key"), say("this run"), say("default"))]
    return table(head, setting_rows(chosen))


def _makes_the_adapter(setting: Setting) -> bool:
    return setting.key in KEYS or (setting.key.startswith(SECTIONS) and setting.key not in NO_EFFECT)


def _fingerprint(run: Run, language: str) -> str:
    rows = [
        [plain(name.text(language) if isinstance(name, Words) else name), code_cell(value)]
        for name, value in _facts(run, language)
        if value
    ]
    return table([plain(words.text(language)) for words in (say("what"), say("value"))], rows)


def _facts(run: Run, language: str) -> Iterator[tuple[Words | str, str]]:
    manifest = run.manifest
    yield say("run"), run.id
    yield say("started"), moment(manifest.get("created")) if manifest.get("created") else ""
    yield say("Steps"), str(len(run.record.steps()) or "")
    yield say("step of the adapter"), _step_of_the_adapter(run)
    yield say("engine"), str(run.last("model_ready").get("engine") or "")
    yield say("hardware"), hardware(run)
    seconds = wall_seconds(run)
    yield say("Wall time"), duration(seconds).text(language) if math.isfinite(seconds) else ""
    yield say("versions"), _pairs(manifest.get("versions"))
    yield say("seeds"), _pairs(manifest.get("seeds"))
    yield "config sha256", str(manifest.get("config_sha256") or "")
    asked = manifest.get("evaluation_fingerprint")
    parts = asked if isinstance(asked, dict) else {"hash": asked}
    yield say("evaluation fingerprint"), str(parts.get("hash") or "")
    yield say("chat template"), str(parts.get("template") or "")
    yield from ((f"{name} sha256", digest) for name, digest in base_weights(run))


def _step_of_the_adapter(run: Run) -> str:
    """The step whose state was written to adapter/, as the record tells."""
    notes = [
        e for e in run.record.of_kind("note") if str(e.get("message", "")).startswith("adapter/ is step")
    ]
    return str(notes[-1].get("step", "")) if notes else ""


def _pairs(value: Any) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else ""


def _limits(run: Run) -> Sequence[Words]:
    limits = [
        say("The scores are of held-out rows of the same data, answered greedily. They do not tell how the adapter answers"
            " other questions, and nobody has checked its answers for truth."),
        say("No licence is named here: that of the base model and that of the data both hold."),
    ]  # fmt: skip
    model = run.config.get("model")
    if isinstance(model, dict) and model.get("dtype") == "nf4":
        limits.append(say("The base model was held in 4 bits (nf4) while training and answering."))
    if not base_of(run).hub:
        limits.append(
            say("adapter_config.json names the base by the folder it lay in; put its name on a hub there"
                " (base_model_name_or_path) before you share the adapter.")
        )  # fmt: skip
    codes = sorted({str(e.get("code")) for e in run.record.of_kind("warning") if e.get("code")})
    if codes:
        limits.append(
            say("The run gave warnings, which its report tells in full: {codes}.", codes=", ".join(codes))
        )
    return limits
