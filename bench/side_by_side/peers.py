"""A job in, two steps with a trainer of Hugging Face out: transformers' own, or TRL's.

All start from the job's adapter and see its rows step by step. `by_length` sorts rows within a step, which is
what grouping by length does to one step's rows; the steps stay those of the others.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from typing import Any, Literal

from loralab.model.adapter import load_adapter
from side_by_side.clock import Stamp, stamp, step_record
from side_by_side.job import LEARNING_RATE, SEED, STEPS, Job, in_order, peft_settings, to_pair


@dataclass(frozen=True)
class Peer:
    """Which trainer, and how it is set."""

    package: Literal["transformers", "trl"]
    recompute: bool
    by_length: bool
    bf16: bool = False


PEERS = {
    "tutorial": Peer("transformers", recompute=True, by_length=False),
    "hf-tuned": Peer("transformers", recompute=False, by_length=True),
    "trl": Peer("trl", recompute=True, by_length=False),
    "trl-tuned": Peer("trl", recompute=False, by_length=True),
    "trl-bf16": Peer("trl", recompute=True, by_length=False, bf16=True),
}


def measure_peer(job: Job, name: str) -> dict[str, Any]:
    """The record of the second step."""
    peer = PEERS[name]
    make = _hugging_face if peer.package == "transformers" else _trl
    with tempfile.TemporaryDirectory() as folder:
        trainer = make(job, peer, folder)
        load_adapter(trainer.model, job.adapter)
        trainer.train()
    micro_batches = job.settings.row_count // job.settings.batch_rows
    sums = [sum(trainer.losses[i : i + micro_batches]) for i in range(0, len(trainer.losses), micro_batches)]
    record = step_record(trainer.stamps[-2], trainer.stamps[-1], sums, sum(trainer.tokens[-micro_batches:]))
    return record | {"package": f"{peer.package} {version(peer.package)}"}


def _watched(trainer_class: Any) -> Any:
    """The trainer, noting the loss and size of each micro-batch and what each step used."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def __init__(self, stamps: list[Stamp]) -> None:
            self.stamps = stamps

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            self.stamps.append(stamp())

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            self.stamps.append(stamp())

    class Watched(trainer_class):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.stamps: list[Stamp] = []
            self.losses: list[float] = []
            self.tokens: list[int] = []
            super().__init__(*args, callbacks=[Watch(self.stamps)], **kwargs)

        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            self.tokens.append(inputs["input_ids"].numel())
            loss = super().training_step(model, inputs, *args, **kwargs)
            self.losses.append(float(loss))
            return loss

    return Watched


def _model(job: Job) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        job.settings.model, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
    )


def _tokenizer(job: Job) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(job.settings.model, local_files_only=True)


def _arguments(job: Job, peer: Peer, folder: str) -> dict[str, Any]:
    """What both trainers are told; everything else is their default."""
    batch_rows = job.settings.batch_rows
    return {
        "output_dir": folder, "per_device_train_batch_size": batch_rows,
        "gradient_accumulation_steps": job.settings.row_count // batch_rows, "max_steps": STEPS,
        "learning_rate": LEARNING_RATE, "seed": SEED, "activation_checkpointing": peer.recompute,
        "use_cpu": True, "bf16": peer.bf16, "train_sampling_strategy": "sequential",
        "save_strategy": "no", "logging_strategy": "no", "report_to": "none", "disable_tqdm": True,
    }  # fmt: skip


def _pairs(job: Job, peer: Peer) -> list[dict[str, list[int]]]:
    steps = (in_order(job.step_rows(step), peer.by_length) for step in range(1, STEPS + 1))
    return [to_pair(row) for row in chain(*steps)]


def _hugging_face(job: Job, peer: Peer, folder: str) -> Any:
    """The tutorial's way: PEFT, Trainer, DataCollatorForSeq2Seq."""
    from peft import get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments, set_seed

    set_seed(SEED)
    model = _model(job)
    if peer.recompute:
        model.enable_input_require_grads()
    model = get_peft_model(model, peft_settings(job.settings.dropout))
    model.config.use_cache = False
    rows = [pair | {"attention_mask": [1] * len(pair["input_ids"])} for pair in _pairs(job, peer)]
    return _watched(Trainer)(
        model=model, args=TrainingArguments(**_arguments(job, peer, folder)), train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer=_tokenizer(job), padding=True),
    )  # fmt: skip


def _trl(job: Job, peer: Peer, folder: str) -> Any:
    """SFTTrainer, which wraps the model itself."""
    from datasets import Dataset
    from transformers import set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(SEED)
    return _watched(SFTTrainer)(
        model=_model(job), args=SFTConfig(**_arguments(job, peer, folder), max_length=job.settings.max_tokens),
        train_dataset=Dataset.from_list(_pairs(job, peer)), processing_class=_tokenizer(job),
        peft_config=peft_settings(job.settings.dropout),
    )  # fmt: skip
