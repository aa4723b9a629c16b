"""What finished cells have shown: averages over seeds, the guard, the front, and sentences that follow from intervals."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from doubles.compared import write_run
from doubles.studies import WriteStudy
from loralab.errors import ComparisonRefused
from loralab.report.text import number
from loralab.run.files import dump_json, write_json
from loralab.study.begin import add_cells, begin
from loralab.study.folder import StudyFolder
from loralab.study.page import build_page
from loralab.study.page import write_study as write_report
from loralab.study.plan import load_study
from loralab.study.summary import Summary, document, summarise
from report.page_reader import Page

SEEDS = "axes:\n  lora.rank: [2, 4, 8]\n  train.seed: [1, 2]\nprice: {device_hour: 3, currency: CNY}\n"
N = 60
Values = Callable[[Mapping[str, Any]], Any]


def losses(level: float, seed: int = 1) -> list[float]:
    """Sixty losses around a level; a seed moves each of them a little."""
    return [level + 0.02 * (i % 5) + 0.004 * ((i * 13 + 7 * seed) % 11) for i in range(N)]


def by_rank(values: Mapping[str, Any]) -> dict[str, Any]:
    """Rank 2 is worse; 4 and 8 differ by chance alone."""
    level = {2: 2.0, 4: 1.5, 8: 1.499}[values["lora.rank"]]
    return {"values": {"heldout/loss": losses(level, values.get("train.seed", 1) + values["lora.rank"])}}


def made(
    path: Path, make: Values, parameters: Values = lambda values: 1000 * values["lora.rank"]
) -> StudyFolder:
    """The folder of a study whose cells have all finished, each with what `make` gives for its values."""
    plan = load_study(path)
    folder = begin(plan)
    add_cells(folder, plan.cells)
    for one in plan.cells:
        run = folder.of(one.cell).path / "0001-run"
        recipe = make(one.cell.values)
        if recipe is None:
            continue
        write_run(run, recipe.pop("values"), **recipe)
        lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        lines[1] |= {"parameters": parameters(one.cell.values), "trainable": 0}
        (run / "events.jsonl").write_text("".join(dump_json(line) + "\n" for line in lines))
    return folder


def said(summary: Summary) -> str:
    return " ".join(map(str, summary.advice.sentences))


def test_seeds_are_averaged_and_their_spread_is_told(write_study: WriteStudy) -> None:
    summary = summarise(made(write_study(SEEDS), by_rank))
    assert [r.label for r in summary.results.recipes] == ["rank=2", "rank=4", "rank=8"]
    for recipe in summary.results.recipes:
        values = [one.value for one in recipe.trained]
        assert (
            recipe.num_seeds == 2 and recipe.spread == (min(values), max(values)) and values[0] != values[1]
        )
        assert recipe.estimate.value == pytest.approx(statistics.fmean(values)) and recipe.estimate.n == N
        assert recipe.minutes == pytest.approx(1.5) and recipe.money == pytest.approx(2 / 60 * 3)


def test_the_advice_follows_from_the_intervals(write_study: WriteStudy) -> None:
    summary = summarise(made(write_study(SEEDS), by_rank))
    text = said(summary)
    assert summary.advice.best and summary.advice.best.label == "rank=8"
    assert f"rank=4 is not shown to be worse than rank=8 on this set (n = {N}), and costs less" in text
    assert (
        "Shown to be worse than rank=8: rank=2." in text
        and "Not shown to be worse than rank=8: rank=4." in text
    )
    assert "it may be worse by" in text and "flatters" in text
    difference = summary.advice.difference(summary.results.recipes[1])
    assert difference and not difference.estimate.excludes_zero
    assert difference.estimate.high and f"worse by {number(difference.estimate.high)}." in text


def test_no_cheaper_one_is_named_where_all_are_shown_to_be_worse(write_study: WriteStudy) -> None:
    def steep(values: Mapping[str, Any]) -> Any:
        return {"values": {"heldout/loss": losses(3 - 0.1 * values["lora.rank"])}}

    text = said(summarise(made(write_study("axes: {lora.rank: [2, 4, 8]}\n"), steep)))
    assert "costs less" not in text and "Shown to be worse than rank=8: rank=4; rank=2." in text


def test_a_score_that_rises_is_judged_the_other_way_round(write_study: WriteStudy) -> None:
    def rising(values: Mapping[str, Any]) -> Any:
        return {"values": {"heldout/rouge_l": losses(0.1 * values["lora.rank"])}}

    summary = summarise(made(write_study("metric: heldout/rouge_l\naxes: {lora.rank: [2, 8]}\n"), rising))
    assert summary.advice.best and summary.advice.best.label == "rank=8"
    assert "Shown to be worse than rank=8: rank=2." in said(summary)
    assert summary.fronts["parameters"] == (0, 1)


def test_the_front_is_that_of_the_values(write_study: WriteStudy) -> None:
    summary = summarise(made(write_study(SEEDS), by_rank, lambda values: 5000))
    assert summary.fronts["parameters"] == (2,), "of one size the best alone"
    assert [r["on_front"] for r in document(summary)["recipes"]][2] == [
        "parameters",
        "minutes",
        "peak_bytes",
        "money",
    ]


@pytest.mark.parametrize(
    ("parts", "words"),
    [({"questions": "q2"}, "not the same questions"), ({"decoding": "d2"}, "other settings"),
     ({"metrics": ["rouge_l/9"]}, "metrics: ")],
)  # fmt: skip
def test_cells_that_were_asked_otherwise_are_refused(
    write_study: WriteStudy, parts: dict[str, Any], words: str
) -> None:
    def make(values: Mapping[str, Any]) -> Any:
        return by_rank(values) | ({"parts": parts} if values["lora.rank"] == 8 else {})

    path = write_study("axes: {lora.rank: [2, 8]}\n")
    with pytest.raises(ComparisonRefused, match=words) as caught:
        summarise(made(path, make))
    assert "rank=8" in str(caught.value) and "unlike: mark" in str(caught.value)
    marked = summarise(made(write_study("axes: {lora.rank: [2, 8]}\nunlike: mark\n"), make))
    assert marked.results.unlike and "These runs are unlike" in Page(build_page(marked)).text


def test_model_families_compare_and_are_marked(write_study: WriteStudy) -> None:
    def make(values: Mapping[str, Any]) -> Any:
        return by_rank(values) | {"template": str(values["lora.rank"])}

    marks = " ".join(map(str, summarise(made(write_study("axes: {lora.rank: [4, 8]}\n"), make)).marks))
    assert "another chat template than that of rank=8, so another model family: rank=4" in marks


def test_losses_of_other_tokenizers_are_not_ranked(write_study: WriteStudy) -> None:
    def make(values: Mapping[str, Any]) -> Any:
        weights = [values["lora.rank"]] * N
        rows = [{"task": "heldout", "metric": "loss", "id": f"q{i}", "value": v, "weight": w}
                for i, (v, w) in enumerate(zip(losses(1.5), weights, strict=True))]  # fmt: skip
        return {"values": {}, "rows": rows}

    summary = summarise(made(write_study("axes: {lora.rank: [2, 8]}\n"), make))
    assert summary.advice.best is None and "does not compare between these models" in said(summary)


def test_what_is_left_out_is_counted(write_study: WriteStudy) -> None:
    def make(values: Mapping[str, Any]) -> Any:
        if (values["lora.rank"], values["train.seed"]) == (2, 2):
            return None
        found = by_rank(values)
        return {"values": {"heldout/rouge_l": losses(0.5)}} if values["lora.rank"] == 8 else found

    folder = made(write_study(SEEDS), make)
    (folder.path / "cells" / "rank-99-0123abcd").mkdir()
    summary = summarise(folder)
    marks = " ".join(map(str, summary.marks))
    assert summary.counts == {"finished": 5, "failed": 0, "interrupted": 0, "running": 0, "waiting": 1}
    assert "rank=2 seed=1: 1 of 2 seeds count" in marks
    assert (
        "2 finished cells have no score of heldout/loss and are left out: rank=8 seed=1; rank=8 seed=2"
        in marks
    )
    assert "1 cells in the folder are no longer part of the study: rank-99-0123abcd" in marks


def test_data_that_changed_between_cells_is_said(write_study: WriteStudy) -> None:
    folder = made(write_study("axes: {lora.rank: [4, 8]}\n"), by_rank)
    for i, run in enumerate(sorted(folder.path.glob("cells/*/0001-run"))):
        manifest = json.loads((run / "manifest.json").read_text())
        write_json(
            run / "manifest.json", manifest | {"data_files": [{"path": "/rows.jsonl", "sha256": str(i)}]}
        )
    marks = " ".join(map(str, summarise(folder).marks))
    assert "/rows.jsonl was not the same file for rank=4 and for rank=8" in marks


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole_and_says_what_the_document_says(write_study: WriteStudy, language: str) -> None:
    folder = made(write_study(SEEDS), by_rank)
    summary = write_study_twice(folder, language)
    page = Page(folder.report.read_text("utf-8"))
    found = json.loads(folder.document.read_text("utf-8"))
    assert page.elements["section"] == 5 and page.elements["svg"] == 2 * (4 + 2)
    for recipe in found["recipes"]:
        assert {str(recipe["value"]), str(recipe["low"]), str(recipe["high"])} <= set(page.values)
        assert recipe["label"] in page.text
    for sentence in summary.advice.sentences:
        assert sentence.text(language) in page.text
    assert not {"script", "link", "img", "iframe"} & set(page.elements)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]


def write_study_twice(folder: StudyFolder, language: str) -> Summary:
    """What is written does not depend on what was written before."""
    summary = write_report(folder, language)
    first = folder.document.read_bytes()
    write_report(folder, language)
    assert folder.document.read_bytes() == first
    return summary


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '" onload="x', "{{ 7 * 7 }}", "\x1b[2J"])
def test_hostile_names_add_no_element(write_study: WriteStudy, hostile: str) -> None:
    def shown(text: str) -> tuple[Any, Any]:
        path = write_study(
            f"axes:\n  data.system: [a, {json.dumps(text)}]\nunlike: mark\n", name=f"s{len(text)}.yaml"
        )
        folder = made(
            path, lambda values: {"values": {"heldout/loss": losses(1)}, "gpu": text}, lambda values: 1
        )
        page = Page(build_page(summarise(folder)))
        return page.elements, [(tag, name) for tag, name, _ in page.attributes]

    assert shown(hostile) == shown("harmless")


def test_nothing_finished_is_a_page_too(write_study: WriteStudy) -> None:
    summary = summarise(made(write_study(SEEDS), lambda values: None))
    page = Page(build_page(summary))
    assert "No cell has finished with a score" in page.text and summary.counts["waiting"] == 6
