"""Pre-trains the demo's base model on the seen articles in two stages and saves it in bf16."""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen2Config, Qwen2ForCausalLM

from .corpus import ASSETS, Article, departments, read_articles, split
from .facts import update_facts
from .pretrain_text import article_text, dialogue_text, tagged_text

MAX_TOKENS = 256
POOL_SAMPLES = 512
REPORT_STEPS = 100
EVEN_OVER_LAWS = 0.5
LAW_WEIGHT, PIECE_WEIGHT = 6.0, 0.3

Sample = tuple[list[int], list[float]]
"""Token ids and the loss weight of each."""
Batch = tuple[Tensor, Tensor]
"""Token ids (B, T) and weights (B, T); padding has weight 0."""


@dataclass(frozen=True)
class Stage:
    """`mix` is the share of articles, tagged pieces and dialogues in the samples."""

    name: str
    seed: int
    steps: int
    batch_tokens: int
    learning_rate: float
    mix: tuple[float, float, float]


STAGES = (
    Stage("articles", seed=1, steps=1400, batch_tokens=2048, learning_rate=3e-3, mix=(0.75, 0.0, 0.25)),
    Stage("laws", seed=2, steps=1200, batch_tokens=2048, learning_rate=1.5e-3, mix=(0.1, 0.7, 0.2)),
)


def new_model(vocabulary: int, tokenizer: PreTrainedTokenizerBase) -> Qwen2ForCausalLM:
    """Returns an untrained 3.4 M parameter Qwen2."""
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=256,
        num_hidden_layers=4,
        intermediate_size=512,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


class Sampler:
    """Draws samples for a stage and groups them into batches of like length."""

    def __init__(self, stage: Stage, tokenizer: PreTrainedTokenizerBase, seen: list[Article]) -> None:
        self.stage, self.seen = stage, seen
        self.rng = random.Random(stage.seed)
        self.by_law = [[a for a in seen if a.law == law] for law in departments()]
        self.end: int = tokenizer.pad_token_id
        self.encode: Callable[[str], list[int]] = tokenizer.encode

    def sample(self) -> Sample:
        """Draws one sample of a kind drawn by the mix."""
        kind = self.rng.choices((self.plain, self.tagged, self.dialogue), self.stage.mix)[0]
        return kind()

    def plain(self) -> Sample:
        """Draws an article, or MAX_TOKENS of it from a random start."""
        ids = [*self.encode(article_text(self.rng.choice(self.seen))), self.end]
        start = self.rng.randrange(max(1, len(ids) - MAX_TOKENS + 1))
        ids = ids[start : start + MAX_TOKENS]
        return ids, [1.0] * len(ids)

    def tagged(self) -> Sample:
        """Draws a part of the articles evenly over the laws, the others evenly over the articles."""
        pool = self.rng.choice(self.by_law) if self.rng.random() < EVEN_OVER_LAWS else self.seen
        piece, tag = (self.encode(text) for text in tagged_text(self.rng, self.rng.choice(pool)))
        weights = [PIECE_WEIGHT] * len(piece) + [LAW_WEIGHT] * len(tag) + [1.0]
        return [*piece, *tag, self.end], weights

    def dialogue(self) -> Sample:
        """Draws small talk."""
        ids = self.encode(dialogue_text(self.rng, self.seen))[:MAX_TOKENS]
        return ids, [1.0] * len(ids)

    def batches(self) -> Iterator[Batch]:
        """Yields batches for ever: pools of samples sorted by length, their batches shuffled."""
        while True:
            pool = sorted((self.sample() for _ in range(POOL_SAMPLES)), key=lambda s: len(s[0]))
            batches = list(cut(pool, self.stage.batch_tokens))
            self.rng.shuffle(batches)
            yield from (collate(batch, self.end) for batch in batches)


def cut(pool: list[Sample], batch_tokens: int) -> Iterator[list[Sample]]:
    """Yields runs of the sorted pool that hold at most `batch_tokens` after padding."""
    batch: list[Sample] = []
    for sample in pool:
        if batch and (len(batch) + 1) * len(sample[0]) > batch_tokens:
            yield batch
            batch = []
        batch.append(sample)
    yield batch


def collate(batch: list[Sample], pad: int) -> Batch:
    """Returns the samples padded on the right."""
    width = max(len(ids) for ids, _ in batch)
    ids = [ids + [pad] * (width - len(ids)) for ids, _ in batch]
    weights = [weights + [0.0] * (width - len(weights)) for _, weights in batch]
    return torch.tensor(ids), torch.tensor(weights)


def weighted_loss(model: Qwen2ForCausalLM, batch: Batch) -> Tensor:
    """Returns the weighted mean of the next-token losses; right padding needs no attention mask."""
    ids, weights = batch
    logits = model(input_ids=ids[:, :-1]).logits
    losses = cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    return (losses * weights[:, 1:]).sum() / weights[:, 1:].sum()


def run_stage(model: Qwen2ForCausalLM, stage: Stage, sampler: Sampler) -> float:
    """Trains the model in place; returns the mean loss of the last REPORT_STEPS steps."""
    optimizer = torch.optim.AdamW(
        model.parameters(), stage.learning_rate, betas=(0.9, 0.95), weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, stage.learning_rate, stage.steps, pct_start=0.1, div_factor=20, cycle_momentum=False
    )
    losses = []
    for step, batch in zip(range(stage.steps), sampler.batches(), strict=False):
        loss = weighted_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % REPORT_STEPS == 0:
            print(f"{stage.name} step {step + 1} loss {mean(losses[-REPORT_STEPS:]):.3f}", flush=True)
    return mean(losses[-REPORT_STEPS:])


@torch.inference_mode()
def raw_law_accuracy(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerBase, articles: list[Article]
) -> float:
    """Returns how often the likeliest law name after `text\\n` is right, the 16 names compared."""
    laws = {tokenizer.encode(f"《{law}")[0]: law for law in departments()}
    names = torch.tensor(list(laws))
    hits = 0
    for article in articles:
        ids = torch.tensor([tokenizer.encode(f"{article.text}\n")])
        best = names[model(input_ids=ids).logits[0, -1, names].argmax()]
        hits += laws[int(best)] == article.law
    return hits / len(articles)


def save(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Writes bf16 weights and a greedy generation_config.json."""
    model.generation_config.do_sample = False
    model.bfloat16().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def pretrain(out: Path) -> None:
    """Runs both stages, saves the model in `out` and records the figures."""
    tokenizer = AutoTokenizer.from_pretrained(ASSETS / "model")
    parts = split(read_articles())
    torch.manual_seed(0)
    model = new_model(len(tokenizer), tokenizer)
    record: dict[str, object] = {"parameters": model.num_parameters(), "model_seed": 0}
    for stage in STAGES:
        start = time.process_time()
        loss = run_stage(model, stage, Sampler(stage, tokenizer, parts.seen))
        dev = raw_law_accuracy(model, tokenizer, parts.dev)
        seconds = round(time.process_time() - start)
        record[stage.name] = asdict(stage) | {"last_loss": round(loss, 3), "cpu_seconds": seconds}
        print(json.dumps({"stage": stage.name, "dev raw law accuracy": dev, "cpu s": seconds}), flush=True)
        record["dev_law_accuracy_in_raw_format"] = dev
    save(model, out)
    update_facts("pretraining", record)


def main() -> None:
    """Runs everything on one thread, so that the result can be had again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ASSETS / "model")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    pretrain(parser.parse_args().out)


if __name__ == "__main__":
    main()
