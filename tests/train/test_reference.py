"""Training equals a plain PEFT loop, written down here, to five digits after 20 steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import loralab
from doubles.tuned import fill_b
from loralab.run.view import Run

STEPS, STEP_ROWS, PEAK = 20, 16, 5e-3
TARGETS = ["q_proj", "v_proj", "down_proj"]


@pytest.fixture(scope="module")
def start(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEFT folder, written by PEFT, whose B is not zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("start") / "adapter"
    torch.manual_seed(8)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=TARGETS))
    fill_b(model)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows: steps of 16, 16 and 8."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = [{"question": f"What is {i}?", "answer": f"It is {'so ' * (i % 7)}{i * i}."} for i in range(40)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    path.with_name("probe.jsonl").write_text('{"question": "Not trained on?", "answer": "No."}\n', "utf-8")
    return path


@pytest.fixture(scope="module")
def reference(tiny_model: Path, start: Path, file: Path) -> list[float]:
    """Losses of a loop that knows nothing of loralab: PEFT, AdamW, one row at a time."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    rows = []
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        head = f"<|im_start|>user\n{row['question']}<|im_end|>\n<|im_start|>assistant\n"
        prompt = tokenizer(head)["input_ids"]
        rows.append((prompt, tokenizer(f"{row['answer']}<|im_end|>")["input_ids"]))
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, start, is_trainable=True)
    optimizer = torch.optim.AdamW(
        (p for p in model.parameters() if p.requires_grad), lr=PEAK, weight_decay=0.0
    )
    losses: list[float] = []
    while len(losses) < STEPS:
        for first in range(0, len(rows), STEP_ROWS):
            part = rows[first : first + STEP_ROWS]
            count = sum(len(answer) for _, answer in part)
            optimizer.zero_grad()
            total = 0.0
            for prompt, answer in part:
                ids = torch.tensor([prompt + answer])
                logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
                loss = torch.nn.functional.cross_entropy(logits, ids[0, len(prompt) :], reduction="sum")
                (loss / count).backward()
                total += float(loss.detach())
            optimizer.step()
            losses.append(total / count)
    return losses[:STEPS]


def steps(run: Run, name: str) -> list[Any]:
    return [event[name] for event in run.record.steps()]


@pytest.mark.parametrize(
    ("engine", "batch_rows", "accumulate"),
    [("plain", 1, 16), ("plain", 4, 4), ("plain", 16, 1), ("fast", 1, 16), ("fast", 16, 1)],
)
def test_20_steps_are_those_of_a_plain_peft_loop(
    quick_config: Callable[..., Any],
    start: Path,
    file: Path,
    reference: list[float],
    engine: str,
    batch_rows: int,
    accumulate: int,
) -> None:
    run = loralab.train(
        quick_config(
            f"data.train={file}", "data.test=none", f"data.probes={file.with_name('probe.jsonl')}",
            f"train.batch_rows={batch_rows}", f"train.accumulate={accumulate}", f"train.max_steps={STEPS}",
            f"train.learning_rate={PEAK}", "train.schedule=constant", "train.shuffle=false", "train.max_grad_norm=0",
            "train.save_every_steps=100", "lora.dropout=0", "lora.rank=4", "lora.alpha=8",
            f"lora.targets=[{','.join(TARGETS)}]", f"lora.init={start}", "evaluate.stages=[]", f"train.engine={engine}",
        )
    )  # fmt: skip
    assert run.last("model_ready")["engine"] == engine
    assert steps(run, "rows") == ([16, 16, 8] * 7)[:STEPS]
    assert steps(run, "loss") == pytest.approx(reference, rel=1e-5)
    assert reference[0] - reference[-1] > 0.1, "the loop must have learned something"
