"""Rows and settings in, a folder that every variant is measured from out: token ids, labels, one starting adapter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loralab.config import Config, make_config
from loralab.config.schema import Projections
from loralab.encode.encode import Encoded
from loralab.encode.template import read_template
from loralab.engine.base import TokenRow
from loralab.model.tokenizer import load_tokenizer
from loralab.train.prepare import prepare

IGNORED = -100
STEPS = 2  # the first one warms up, the second one is measured
RANK, ALPHA = 64, 16
LEARNING_RATE = 1e-4
INIT_SCALE = 0.02  # standard deviation of A and B, so that the gradients of both say something
SEED = 42

Pair = dict[str, list[int]]


class BenchError(Exception):
    """What a user of the benchmark can set right."""


@dataclass(frozen=True)
class Settings:
    """What is measured. `packing` and `budget_tokens` are of the fast engine; None is its own default.

    `warm_tokens`: of a row of the first step, which only warms up; 0 leaves it whole.
    """

    model: str
    row_count: int = 16
    batch_rows: int = 4
    max_tokens: int = 384
    dropout: float = 0.1
    threads: int = 1
    packing: str | None = None
    budget_tokens: int | None = None
    warm_tokens: int = 64


@dataclass(frozen=True)
class Found:
    """The rows of both steps; how many of them are cut, and how many rows of the file have nothing to train on."""

    rows: tuple[TokenRow, ...]
    cut: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Job:
    """Settings and the rows of both steps. `folder` also holds the starting adapter."""

    folder: Path
    settings: Settings
    rows: tuple[TokenRow, ...]

    @property
    def adapter(self) -> Path:
        """A PEFT folder."""
        return self.folder / "adapter"

    def step_rows(self, step: int) -> tuple[TokenRow, ...]:
        """The rows of step 1 or 2."""
        count = self.settings.row_count
        return self.rows[(step - 1) * count : step * count]

    def config(self) -> Config:
        """A config of loralab that trains this."""
        return _config(self.settings, self.folder / "rows.jsonl", f"lora.init={self.adapter}")


def _config(settings: Settings, rows: Path, *more: str) -> Config:
    return make_config([
        f"model.name={settings.model}", f"data.train={rows}", "data.test=none", "data.probes=0",
        f"data.max_tokens={settings.max_tokens}", "model.dtype=float32",
        f"lora.rank={RANK}", f"lora.alpha={ALPHA}", f"lora.dropout={settings.dropout}",
        f"train.learning_rate={LEARNING_RATE}", f"train.batch_rows={settings.batch_rows}", f"train.seed={SEED}", *more,
    ])  # fmt: skip


def in_order(rows: tuple[TokenRow, ...], by_length: bool) -> tuple[TokenRow, ...]:
    """The rows of one step as they come, or the longest first, as transformers groups them."""
    return tuple(sorted(rows, key=lambda row: -len(row.encoded.ids))) if by_length else rows


# ---------------------------------------------------------------------------------------------- rows


def read_rows(path: Path, settings: Settings) -> Found:
    """The rows of both steps from the beginning of a file.

    Rows are in a shape that loralab reads, or tokenised already ({"input_ids", "labels"}, never cut).
    Raises BenchError or UserError for a file that cannot be used.
    """
    wanted = STEPS * settings.row_count
    found = Found(_tokenised(path, wanted)) if _is_tokenised(path) else _encoded(path, settings)
    if len(found.rows) < wanted:
        raise BenchError(f"{path}: {wanted} rows are needed, the file has {len(found.rows)}")
    for number, row in enumerate(found.rows, 1):
        if not any(row.encoded.trained[1:]):
            raise BenchError(f"{path}: row {number} has no label")
    first, second = found.rows[: settings.row_count], found.rows[settings.row_count :]
    return replace(found, rows=(*(_part(row, settings.warm_tokens) for row in first), *second))


def _part(row: TokenRow, tokens: int) -> TokenRow:
    """So many tokens of a row (0: all), its first label in the middle."""
    encoded = row.encoded
    if not tokens or len(encoded.ids) <= tokens:
        return row
    start = max(0, encoded.trained.index(True, 1) - tokens // 2)
    part = slice(start, start + tokens)
    return replace(row, encoded=Encoded(encoded.ids[part], encoded.trained[part]))


def _is_tokenised(path: Path) -> bool:
    if not path.is_file():
        return False  # loralab says what is wrong with it
    with path.open("rb") as lines:
        return b'"input_ids"' in lines.readline()


def _tokenised(path: Path, wanted: int) -> tuple[TokenRow, ...]:
    lines = [line for line in path.read_text("utf-8").split("\n") if line.strip()]
    return tuple(_from_pair(json.loads(line), number) for number, line in enumerate(lines[:wanted]))


def _from_pair(pair: Pair, number: int) -> TokenRow:
    ids, labels = pair["input_ids"], pair["labels"]
    if len(ids) != len(labels) or any(b not in (a, IGNORED) for a, b in zip(ids, labels, strict=True)):
        raise BenchError(f"row {number + 1}: labels must be the ids, or {IGNORED}")
    return TokenRow(str(number), Encoded(tuple(ids), tuple(label != IGNORED for label in labels)))


def to_pair(row: TokenRow) -> Pair:
    """Ids and labels, as transformers' trainers take them."""
    encoded = row.encoded
    flags = zip(encoded.ids, encoded.trained, strict=True)
    return {"input_ids": list(encoded.ids), "labels": [i if trained else IGNORED for i, trained in flags]}


def _encoded(path: Path, settings: Settings) -> Found:
    config = _config(settings, path)
    template = read_template(load_tokenizer(Path(settings.model), trust_remote_code=False))
    prepared = prepare(config, template)
    prepared.refuse(config.data)
    epoch = prepared.epoch[: STEPS * settings.row_count]
    rows = prepared.token_rows(epoch)
    token_rows = tuple(TokenRow(str(i), row.encoded) for i, row in enumerate(rows))
    return Found(token_rows, len(prepared.encoded.cut(epoch)), len(prepared.dropped))


# ---------------------------------------------------------------------------------------------- folder


def write_job(folder: Path, settings: Settings, rows: tuple[TokenRow, ...]) -> Job:
    """Write rows, settings and the starting adapter, anew."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(to_pair(row)) for row in rows)
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n", "utf-8")
    job = Job(folder, settings, rows)
    _write_adapter(job)
    return job


def read_job(folder: Path) -> Job:
    """What `write_job` wrote."""
    settings = Settings(**json.loads((folder / "settings.json").read_text("utf-8")))
    return Job(folder, settings, _tokenised(folder / "rows.jsonl", STEPS * settings.row_count))


def without_weights(folder: Path) -> Any:
    """The model on the meta device: names and shapes."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, local_files_only=True))


def adapted_linears(model: Any) -> Iterator[tuple[str, Any]]:
    """Names and modules of the layers that get an adapter."""
    import torch

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name.rpartition(".")[2] in Projections:
            yield name, module


def _write_adapter(job: Job) -> None:
    """A and B from one seeded generator; B is not zero, so that all gradients are at work from the start."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(SEED)

    def numbers(*shape: int) -> Any:
        return torch.randn(shape, generator=generator) * INIT_SCALE

    tensors = {}
    for name, module in adapted_linears(without_weights(Path(job.settings.model))):
        place = f"base_model.model.{name}"
        tensors[f"{place}.lora_A.weight"] = numbers(RANK, module.in_features)
        tensors[f"{place}.lora_B.weight"] = numbers(module.out_features, RANK)
    job.adapter.mkdir(exist_ok=True)
    save_file(tensors, job.adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    peft_settings(0.0).save_pretrained(str(job.adapter))


def peft_settings(dropout: float) -> Any:
    """The adapter's settings as PEFT takes them."""
    from peft import LoraConfig, TaskType

    return LoraConfig(
        task_type=TaskType.CAUSAL_LM, r=RANK, lora_alpha=ALPHA, lora_dropout=dropout, target_modules=list(Projections),
    )  # fmt: skip
