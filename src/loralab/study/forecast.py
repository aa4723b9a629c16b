"""The cells of a study in, what each will need out: memory by the plan, time and money by a pace that was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loralab.config.schema import Config
from loralab.data.sources import pinned
from loralab.encode.template import read_template
from loralab.errors import UserError
from loralab.model.folder import check_model_folder
from loralab.model.locate import locate
from loralab.model.tokenizer import load_tokenizer
from loralab.report.run_cost import run_cost
from loralab.study.cells import Planned
from loralab.study.folder import Standing, StudyFolder
from loralab.study.schema import Price
from loralab.train.forecast import forecast
from loralab.train.job import plan_job, refuse_unavailable
from loralab.train.memory_need import MemoryNeed, memory_need, need_document
from loralab.train.order import plan_steps
from loralab.train.prepare import Prepared, prepare
from loralab.words import Words, say

PaceOf = Callable[[Config], float | None]  # tokens a second in training; None where nobody measured it


@dataclass(frozen=True)
class CellForecast:
    """What a cell will need; `error` says why it could not begin, and nothing else is known then.

    `seconds` are those of the training steps: loading, answers and checkpoints come on top.
    """

    planned: Planned
    standing: Standing
    need: MemoryNeed | Words
    seconds: float | None
    money: float | None
    error: UserError | None = None

    @property
    def fits(self) -> bool | None:
        """Whether it fits into what is free on this machine; None where that is not known."""
        return self.need.fits if isinstance(self.need, MemoryNeed) else None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values. Sentences are English."""
        return {
            "id": self.planned.cell.id, "label": self.planned.cell.label, "values": dict(self.planned.cell.values),
            "state": self.standing.state, "memory": need_document(self.need), "seconds": self.seconds,
            "money": self.money, "error": self.error.text() if self.error else None,
        }  # fmt: skip


def forecast_cells(
    study: StudyFolder, planned: Sequence[Planned], price: Price | None, calibrate: bool
) -> Iterator[CellForecast]:
    """A forecast of each cell. Models' small files are fetched; weights are loaded if `calibrate` asks for it."""
    standings = [study.standing(one.cell) for one in planned]
    paces = paces_of(standings)
    measured: dict[str, float] = {}

    def pace(config: Config) -> float | None:
        if calibrate and (key := _calibrated_alike(config)) not in measured:
            measured[key] = forecast(plan_job(config)).tokens_per_second
        return measured.get(_calibrated_alike(config)) or paces.get(config.model.name)

    known: dict[str, tuple[Path, Prepared]] = {}
    for one, standing in zip(planned, standings, strict=True):
        yield _forecast(one, standing, price, pace, known)


def paces_of(standings: Sequence[Standing]) -> dict[str, float]:
    """Tokens a second of training in finished cells, by model: the slowest where there are several."""
    found: dict[str, float] = {}
    for standing in standings:
        if standing.state != "finished" or standing.run is None:
            continue
        cost = run_cost(standing.run)
        model = standing.run.config.get("model")
        name = str(model.get("name")) if isinstance(model, dict) else ""
        if cost.tokens and cost.minutes:
            pace = cost.tokens / (60 * cost.minutes)
            found[name] = min(pace, found.get(name, math.inf))
    return found


def _calibrated_alike(config: Config) -> str:
    """Cells that take a step in the same time: they differ in seed, schedule and length alone."""
    train = replace(config.train, seed=0, learning_rate=1.0, schedule="linear", epochs=1.0, max_steps=None,
                    warmup_steps=0, weight_decay=0.0)  # fmt: skip
    return repr((config.model, config.data, config.lora, train))


def _forecast(
    one: Planned, standing: Standing, price: Price | None, pace: PaceOf, known: dict[str, tuple[Path, Prepared]]
) -> CellForecast:  # fmt: skip
    config = one.config
    try:
        folder, prepared = _prepared(config, known)
        need = memory_need(config, folder, prepared)
        tokens_per_second = pace(config)
    except UserError as error:
        return CellForecast(one, standing, say("it cannot begin"), None, None, error)
    seconds = _tokens(config, prepared) / tokens_per_second if tokens_per_second else None
    money = price.device_hour * seconds / 3600 if price and seconds is not None else None
    return CellForecast(one, standing, need, seconds, money)


def _prepared(config: Config, known: dict[str, tuple[Path, Prepared]]) -> tuple[Path, Prepared]:
    """The model's folder and the encoded data; once for cells that share both. Raises what `check` raises."""
    key = repr((config.model, config.data, config.evaluate.answers))
    if key not in known:
        refuse_unavailable(config)
        data, notes = pinned(config.data)
        folder = locate(config.model, "tokenizer").folder
        check_model_folder(folder, config.model.trust_remote_code, "tokenizer")
        template = read_template(load_tokenizer(folder, config.model.trust_remote_code))
        prepared = prepare(replace(config, data=data), template).noting(notes)
        prepared.refuse(config.data)
        prepared.refuse_without_training_rows()
        known[key] = folder, prepared
    return known[key]


def _tokens(config: Config, prepared: Prepared) -> float:
    """Tokens of all steps of the cell."""
    counts = prepared.encoded.token_counts(prepared.epoch)
    assert counts is not None
    order = plan_steps(len(prepared.epoch), config.train)
    return float(counts.lengths.sum()) * order.progress(order.total_steps)
