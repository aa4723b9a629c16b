"""Fine-tunes the base model on rows with a plain LoRA loop and scores its greedy answers."""

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase, get_scheduler

from .corpus import ASSETS
from .make_data import SYSTEM

EPOCHS = 2
MAX_TOKENS = 384
MAX_NEW_TOKENS = 24
IGNORED = -100

Row = dict[str, str]
Scores = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """The LoRA settings that were tried."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    learning_rate: float = 5e-3
    schedule: str = "cosine"
    warmup_steps: int = 8
    batch_rows: int = 8
    accumulate: int = 2
    seed: int = 42


def read_rows(name: str) -> list[Row]:
    """Returns the rows of train, dev or test."""
    lines = (ASSETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


class Encoder:
    """Turns rows into token ids: the prompt through the chat template, the answer with its end token."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)

    def prompt(self, row: Row) -> list[int]:
        """Returns system, question and the opening of the answer."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": row["input"]}]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer.encode(str(text))
        return ids

    def answer(self, row: Row) -> list[int]:
        """Returns the answer and its end token."""
        ids: list[int] = self.tokenizer.encode(row["output"] + "<|im_end|>")
        return ids

    def batch(self, rows: list[Row]) -> tuple[Tensor, Tensor]:
        """Returns right-padded ids and labels, both (B, T); only answer tokens have a label."""
        pairs = [(self.prompt(row), self.answer(row)) for row in rows]
        width = max(len(prompt) + len(answer) for prompt, answer in pairs)
        assert width <= MAX_TOKENS
        pad = self.tokenizer.pad_token_id
        ids = [[*p, *a, *[pad] * (width - len(p) - len(a))] for p, a in pairs]
        labels = [[*[IGNORED] * len(p), *a, *[IGNORED] * (width - len(p) - len(a))] for p, a in pairs]
        return torch.tensor(ids), torch.tensor(labels)


def summed_loss(model: PeftModel, ids: Tensor, labels: Tensor) -> tuple[Tensor, int]:
    """Returns the summed loss of the label tokens, and how many there are."""
    logits = model(input_ids=ids[:, :-1]).logits.transpose(1, 2)
    loss = cross_entropy(logits, labels[:, 1:], ignore_index=IGNORED, reduction="sum")
    return loss, int((labels[:, 1:] != IGNORED).sum())


def new_adapter(folder: Path, settings: Settings) -> PeftModel:
    """Returns the fp32 base model with a fresh adapter on all seven projections."""
    torch.manual_seed(settings.seed)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    assert isinstance(model, PeftModel)
    return model


def optimizer_steps(settings: Settings, rows: list[Row], rng: random.Random) -> Iterator[list[list[Row]]]:
    """Yields one epoch of shuffled rows: micro-batches grouped by optimizer step."""
    order = rng.sample(rows, len(rows))
    size, step = settings.batch_rows, settings.batch_rows * settings.accumulate
    for start in range(0, len(order), step):
        taken = order[start : start + step]
        yield [taken[i : i + size] for i in range(0, len(taken), size)]


def backward(model: PeftModel, encoder: Encoder, micro_batches: list[list[Row]]) -> None:
    """Leaves in `.grad` the gradient of summed loss / label tokens of the whole step."""
    batches = [encoder.batch(rows) for rows in micro_batches]
    num_labels = sum(int((labels[:, 1:] != IGNORED).sum()) for _, labels in batches)
    for ids, labels in batches:
        loss, _ = summed_loss(model, ids, labels)
        (loss / num_labels).backward()  # type: ignore[no-untyped-call]


def fine_tune(
    folder: Path, settings: Settings, rows: list[Row], after_epoch: Callable[[PeftModel], None]
) -> None:
    """Trains EPOCHS epochs; calls `after_epoch` before the first and after each."""
    encoder, model, rng = Encoder(folder), new_adapter(folder, settings), random.Random(settings.seed)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, settings.learning_rate, betas=(0.9, 0.999), weight_decay=0.0)
    total = EPOCHS * -(-len(rows) // (settings.batch_rows * settings.accumulate))
    scheduler = get_scheduler(settings.schedule, optimizer, settings.warmup_steps, total)
    after_epoch(model)
    for _ in range(EPOCHS):
        model.train()
        for micro_batches in optimizer_steps(settings, rows, rng):
            backward(model, encoder, micro_batches)
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        after_epoch(model)


@torch.inference_mode()
def answers(model: PeftModel, encoder: Encoder, rows: list[Row], batch_rows: int = 32) -> list[str]:
    """Returns the greedy answers as text, with `<|im_end|>` where the model stopped by itself."""
    prompts = [encoder.prompt(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(prompts[i]))
    texts = [""] * len(rows)
    generate: Callable[..., Tensor] = model.generate
    for start in range(0, len(order), batch_rows):
        taken = order[start : start + batch_rows]
        padded = encoder.tokenizer.pad(
            {"input_ids": [prompts[i] for i in taken]}, padding_side="left", return_tensors="pt"
        )
        output = generate(**padded, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        for i, ids in zip(taken, output[:, padded["input_ids"].shape[1] :], strict=True):
            texts[i] = str(encoder.tokenizer.decode(ids)).replace("<|endoftext|>", "")
    return texts


@torch.inference_mode()
def answer_loss(model: PeftModel, encoder: Encoder, rows: list[Row], batch_rows: int = 32) -> float:
    """Returns the mean loss of the label tokens."""
    order = sorted(rows, key=lambda row: len(row["input"]))
    batches = [order[i : i + batch_rows] for i in range(0, len(order), batch_rows)]
    pairs = [summed_loss(model, *encoder.batch(batch)) for batch in batches]
    return sum(loss.item() for loss, _ in pairs) / sum(count for _, count in pairs)


def found(pattern: str, text: str) -> str | None:
    """Returns the first group of the first match."""
    match = re.search(pattern, text)
    return match.group(1) if match else None


def evaluate(model: PeftModel, encoder: Encoder, rows: list[Row]) -> Scores:
    """Returns the shares of right laws, departments, whole answers and stops, and the answer loss."""
    model.eval()
    texts = answers(model, encoder, rows)
    pairs = [(text, row["output"]) for text, row in zip(texts, rows, strict=True)]

    def share(hits: Iterator[bool]) -> float:
        return round(sum(hits) / len(rows), 4)

    return {
        "law": share(found("《(.+?)》", text) == found("《(.+?)》", gold) for text, gold in pairs),
        "department": share(found("属于(.+?)。", text) == found("属于(.+?)。", gold) for text, gold in pairs),
        "whole_answer": share(text == gold + "<|im_end|>" for text, gold in pairs),
        "stop": share("<|im_end|>" in text for text, _ in pairs),
        "loss": round(answer_loss(model, encoder, rows), 4),
    }


def experiment(folder: Path, settings: Settings, rows: list[Row]) -> dict[str, object]:
    """Returns the scores on `rows` before training and after each epoch, and the CPU seconds of it all."""
    start, encoder, scores = time.process_time(), Encoder(folder), []

    def score(model: PeftModel) -> None:
        scores.append(evaluate(model, encoder, rows))

    fine_tune(folder, settings, read_rows("train"), score)
    seconds = round(time.process_time() - start, 1)
    return {"before": scores[0], "epoch_1": scores[1], "epoch_2": scores[2], "cpu_seconds": seconds}
