"""A study file: which cells it makes, and every mistake at once with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from doubles.studies import BASE, WriteStudy
from loralab.errors import UsageError
from loralab.study.axes import Range
from loralab.study.begin import begin
from loralab.study.plan import load_study

GRID = "axes:\n  lora.rank: [2, 8]\n  train.learning_rate: [1e-4, 2e-4, 3e-4]\n"


def problems(path: Path) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_study(path)
    return [f"{p.where.removeprefix(str(path.parent) + '/')}: {p.what}" for p in caught.value.problems]


def test_a_grid_is_every_combination_in_the_order_of_the_file(write_study: WriteStudy) -> None:
    cells = load_study(write_study(GRID)).cells
    assert [one.cell.label for one in cells] == [
        f"rank={rank} learning_rate={rate}" for rank in (2, 8) for rate in ("0.0001", "0.0002", "0.0003")
    ]
    assert [(one.config.lora.rank, one.config.train.learning_rate) for one in cells][:2] == [
        (2, 1e-4),
        (2, 2e-4),
    ]
    assert len({one.cell.name for one in cells}) == 6
    assert {one.config.data.test for one in cells} == {4}, "what is not an axis is that of the base"


def test_listed_combinations_meet_the_axes(write_study: WriteStudy) -> None:
    text = "cells:\n  - {lora.rank: 2, lora.alpha: 4}\n  - {lora.rank: 8}\naxes: {train.seed: [1, 2]}\n"
    cells = load_study(write_study(text)).cells
    assert [(c.config.lora.rank, c.config.lora.alpha, c.config.train.seed) for c in cells] == [
        (2, 4.0, 1), (2, 4.0, 2), (8, 16.0, 1), (8, 16.0, 2)
    ]  # fmt: skip
    assert [c.cell.recipe for c in cells] == [cells[0].cell.recipe] * 2 + [cells[2].cell.recipe] * 2


def test_every_mistake_is_said_at_once_with_its_line(write_study: WriteStudy) -> None:
    path = write_study(
        "axes:\n  lora.rnk: [2]\n  train.learning_rate: [1e-4, fast]\n  evaluate.answers: [1, 2]\n  data.train: [a, b]\n"
        "  run.name: [x]\n  lora.alpha: 3\nmetrik: x\nmetric: heldout/perplexity\nprice: {currency: EUR, hour: 3}\n"
        "search: {trials: 0}\n"
    )
    said = problems(path)
    lines = [int(re.findall(r":(\d+): ", line)[0]) for line in said]
    assert lines == sorted(lines)
    wanted = {
        3: "did you mean", 4: "train.learning_rate is 'fast', must be a number", 5: "evaluate.answers changes what is asked",
        6: "data.test is taken from its rows", 7: "run.name cannot differ", 8: "lora.alpha must be a list of values",
        9: "unknown key metrik", 10: "heldout/loss", 11: "price.device_hour is required", 12: "search.trials must be at least 1",
    }  # fmt: skip
    for line, words in wanted.items():
        assert any(s.startswith(f"ranks.yaml:{line}: ") and words in s for s in said), (line, said)


def test_mistakes_of_the_base_stand_beside_those_of_the_study(write_study: WriteStudy) -> None:
    said = problems(write_study("axes: {lora.rank: []}\n", BASE.replace("rank: 4", "rank: none")))
    assert any(s.startswith("base.yaml:3: lora.rank") for s in said)
    assert "ranks.yaml:2: lora.rank must be a list of values" in said


@pytest.mark.parametrize("text", ["axes: {api_key: [a]}\n", "token: secretvalue\naxes: {lora.rank: [2]}\n",
                                  "cells:\n  - {lora.password: secretvalue}\n"])  # fmt: skip
def test_a_secret_is_refused_and_never_repeated(write_study: WriteStudy, text: str) -> None:
    said = problems(write_study(text))
    assert any("looks like a secret" in s for s in said) and not any("secretvalue" in s for s in said)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("axes: {lora.rank: [8, 8]}\n", 2), ("axes:\n  lora.alpha:\n    - 3\n    - 3.0\n", 5),
        ("cells:\n  - {lora.rank: 2}\n  - {}\n  - {lora.rank: 4}\n", 5),
    ],
)  # fmt: skip
def test_two_cells_that_are_the_same_are_refused(write_study: WriteStudy, text: str, line: int) -> None:
    (said,) = problems(write_study(text))
    assert said.startswith(f"ranks.yaml:{line}: the cell ") and "is the same as another" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metric: heldout/loss\n", "has no axes: and no cells:"),
        ("axes: {lora.rank: [2]}\ncells: [{lora.rank: 3}]\n", "is set in axes and in cells"),
        ("cells: [{lora.rank: 3}]\nsearch: {trials: 2}\n", "cells would have no effect"),
        ("axes: {train.epochs: [1, 2]}\nsearch: {method: halving}\n", "halving sets train.epochs itself"),
        ("axes: {lora.rank: {low: 8, high: 4}}\nsearch: {trials: 2}\n", "low must be below high"),
        ("axes: {lora.rank: {low: 1.5, high: 4}}\nsearch: {trials: 2}\n", "must be a whole number"),
        ("axes: {lora.rank: {low: 1, high: 4}}\n", "must be a list of values"),
        ("metric: loss\naxes: {lora.rank: [2]}\n", "written task/metric"),
        ("metric: heldout/length_ratio\naxes: {lora.rank: [2]}\n", "good in neither direction"),
        ("cells: [rank]\n", "must be a list of mappings"),
        ("cells:\n  - {train.epochs: 1, train.max_steps: 2}\n", "train.epochs and train.max_steps are both set"),
        ("axes: !!python/object:os.system {lora.rank: [2]}\n", "without a YAML tag"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_study(write_study: WriteStudy, text: str, words: str) -> None:
    said = problems(write_study(text))
    assert any(words in s for s in said), said


def test_the_stage_that_is_compared_has_to_be_there(write_study: WriteStudy) -> None:
    said = problems(write_study(GRID, BASE + "evaluate: {stages: [before]}\n"))
    assert "ranks.yaml:1: evaluate.stages of the base has no after, which a study compares" in said


def test_other_questions_may_be_asked_for(write_study: WriteStudy) -> None:
    path = write_study("axes: {evaluate.answers: [1, 2], data.train: [a, [a, b]]}\nunlike: mark\n")
    assert [one.config.evaluate.answers for one in load_study(path).cells] == [1, 1, 2, 2]


@pytest.mark.parametrize("data", ["test: dev.jsonl, probes: 0", "test: none, probes: none", "split: earlier"])
def test_a_mixture_may_differ_where_questions_do_not_come_from_it(write_study: WriteStudy, data: str) -> None:
    base = BASE.replace("test: 4, probes: 2", data)
    text = "axes: {data.train: [a.jsonl, [a.jsonl, {path: b.jsonl, weight: 2}]]}\n"
    cells = load_study(write_study(text, base)).cells
    assert [one.cell.label for one in cells] == ["train=a.jsonl", "train=a.jsonl+path:b.jsonl,weight:2"]


def test_paths_are_relative_to_the_study_file(write_study: WriteStudy, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    cells = load_study(write_study("axes: {model.name: [model, owner/name]}\n")).cells
    assert [one.config.model.name for one in cells] == [str(tmp_path / "model"), "owner/name"]
    assert [one.cell.label for one in cells] == ["model=model", "model=name"]


def test_models_of_one_name_are_told_apart(write_study: WriteStudy) -> None:
    cells = load_study(write_study("axes: {model.name: [a/Qwen, b/Qwen]}\n")).cells
    assert len({one.cell.label for one in cells}) == 2 and all(
        "model=Qwen (" in one.cell.label for one in cells
    )


@pytest.mark.parametrize("text", [
    GRID, "axes: {data.test: [none, 3], model.name: ['/a/$$b', c/d]}\nunlike: mark\nprice: {device_hour: 2, currency: 元}\n",
    "cells: [{}, {train.max_steps: 5}, {data.train: [{path: b.jsonl, rows: 3}], data.system: '是'}]\nunlike: mark\n",
])  # fmt: skip
def test_the_file_in_the_study_folder_gives_the_same_study(write_study: WriteStudy, text: str) -> None:
    plan = load_study(write_study(text))
    folder = begin(plan)
    (folder.path / "cells").mkdir()
    again = load_study(folder.path)
    assert [(o.cell, o.config) for o in again.cells] == [(o.cell, o.config) for o in plan.cells]
    assert (again.folder, again.price, again.base) == (plan.folder, plan.price, plan.base)
    assert yaml.safe_load(folder.file.read_text("utf-8"))["unlike"] == plan.settings.unlike


def test_a_search_in_the_study_folder_has_the_same_axes(write_study: WriteStudy) -> None:
    text = "axes:\n  lora.rank: [2, 4]\n  train.learning_rate: {low: 1e-5, high: 1e-3, log: on}\nsearch: {trials: 3}\n"
    plan = load_study(write_study(text))
    folder = begin(plan)
    (folder.path / "cells").mkdir()
    again = load_study(folder.file)
    assert [(a.key, a.range, len(a.choices)) for a in again.axes] == [
        (a.key, a.range, len(a.choices)) for a in plan.axes
    ]
    assert again.axes[1].range == Range(1e-5, 1e-3, True) and again.search == plan.search


def test_a_study_that_began_with_another_base_is_refused(write_study: WriteStudy) -> None:
    begin(load_study(write_study(GRID)))
    begin(
        load_study(
            write_study(GRID + "  lora.alpha: [8, 16]\n", BASE.replace("swanlab: off", "swanlab: offline"))
        )
    )
    with pytest.raises(UsageError, match=r"differs in: data.max_tokens, train.learning_rate"):
        begin(
            load_study(
                write_study(
                    GRID, BASE.replace("1e-2", "2e-2").replace("probes: 2", "probes: 2, max_tokens: 9")
                )
            )
        )
