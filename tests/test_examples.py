"""Every example loads, and the law example is the reference job to the last setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from loralab.config import Slice, load_config
from loralab.config.render import to_dict
from loralab.config.schema import Projections
from loralab.study.plan import load_study
from loralab.train.order import plan_steps

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = "hf://ShengbinYue/DISC-Law-SFT/DISC-Law-SFT-Pair-QA-released.jsonl"


STUDIES = sorted(EXAMPLES.glob("study-*.yaml"))
CONFIGS = sorted(set(EXAMPLES.glob("*.yaml")) - set(STUDIES))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_example_loads(path: Path) -> None:
    config = load_config(path)
    assert config.run.name == path.stem
    assert [source.path for source in config.data.sources] == [DATA]
    assert to_dict(config)["model"]["name"].startswith("Qwen/")


def test_the_study_of_sizes_loads() -> None:
    (path,) = STUDIES
    plan = load_study(path)
    assert plan.folder.name == path.stem and plan.base == load_config(EXAMPLES / "law-qwen2.5-7b.yaml")
    models = [one.cell.values["model.name"].rpartition("-Instruct")[0] for one in plan.cells]
    assert (
        models[::2] == [f"Qwen/Qwen2.5-{size}" for size in ("0.5B", "1.5B", "7B", "14B")] and len(models) == 8
    )


def test_law_example_is_the_reference_job() -> None:
    config = load_config(EXAMPLES / "law-qwen2.5-7b.yaml")
    model, data, lora, train = config.model, config.data, config.lora, config.train
    assert (model.name, model.dtype) == ("Qwen/Qwen2.5-7B-Instruct", "bfloat16")
    assert data.train == (DATA,)
    assert (data.rows, data.probes, data.test) == (Slice(0, 5000), Slice(0, 5), Slice(5000, 5200))
    assert data.system == "你是一个法律专家，请根据用户的问题给出专业的回答"
    assert (data.max_tokens, data.on_long, data.answer_end) == (384, "cut", "pad")
    assert (lora.rank, lora.alpha, lora.dropout, lora.targets) == (64, 16.0, 0.1, Projections)
    assert (train.learning_rate, train.schedule, train.warmup_steps) == (1e-4, "linear", 0)
    assert (train.epochs, train.batch_rows, train.accumulate) == (2.0, 4, 4)
    assert (train.save_every_steps, train.log_every_steps) == (100, 10)
    assert (train.weight_decay, train.max_grad_norm) == (0.0, 1.0)


def test_law_example_takes_626_steps() -> None:
    train = load_config(EXAMPLES / "law-qwen2.5-7b.yaml").train
    assert plan_steps(4995, train).total_steps == 626
