"""The model card: what hubs read of it, what people read of it, and what it keeps to itself."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_reader import elements, rows, texts
from strange_run import HOSTILE, write_strange_run

from doubles.command import Job
from doubles.made_run import STAGES, Recipe, make_config, make_manifest, make_prediction, make_scores
from loralab.report.card import build_card, card_path, is_changed_by_hand, write_card
from loralab.report.card_code import literal
from loralab.run.view import Run, open_run

PYTHON = re.compile(r"^`{3,}python\n(.*?)^`{3,}$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def tuned(recipe: Recipe, run_folder: Path) -> Run:
    """A finished run with an adapter folder."""
    (run_folder / "adapter").mkdir()
    return recipe.write(run_folder)


def front_matter(card: str) -> dict[str, Any]:
    return dict(yaml.safe_load(re.match(r"---\n(.*?)^---\n", card, re.MULTILINE | re.DOTALL)[1]))  # type: ignore[index]


def body(card: str) -> str:
    """The card without front matter and mark."""
    return re.sub(r"\A---\n.*?^---\n|^<!-- loralab card .*", "", card, flags=re.MULTILINE | re.DOTALL)


def code_of(card: str) -> str:
    (found,) = PYTHON.findall(card)
    return str(found)


def test_hubs_read_base_library_and_language(recipe: Recipe, run_folder: Path) -> None:
    from huggingface_hub import ModelCard

    recipe.predictions = {
        stage: [make_prediction("test", 0, "答", reference="依法处理。"), make_prediction("general", 1, "x", reference="words")]
        for stage in STAGES
    }  # fmt: skip
    card = build_card(recipe.write(run_folder))
    assert front_matter(card) == {
        "base_model": "Qwen/Qwen2.5-0.5B-Instruct", "library_name": "peft", "pipeline_tag": "text-generation",
        "tags": ["lora", "loralab"], "language": ["zh"],
    }  # fmt: skip
    read = ModelCard(card)
    assert read.data.base_model == "Qwen/Qwen2.5-0.5B-Instruct" and read.data.license is None


def test_what_is_not_known_is_left_out(recipe: Recipe, run_folder: Path) -> None:
    recipe.manifest = make_manifest("x")
    recipe.manifest["model"] = {"name": "/home/alice/models/qwen", "origin": "local", "revision": None}
    recipe.predictions = {stage: [make_prediction("test", 0, "1", reference="12")] for stage in STAGES}
    card = build_card(recipe.write(run_folder))
    assert set(front_matter(card)) == {"library_name", "pipeline_tag", "tags"}
    assert "a model in a local folder: `qwen`" in card and "adapter\\_config.json names the base" in card
    assert 'base = "qwen"' in code_of(card)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_adds_no_element_and_no_field(tmp_path: Path, hostile: str) -> None:
    harmless, other = (
        build_card(write_strange_run(tmp_path / name / "0001-x", text))
        for name, text in (("a", "harmless"), ("b", hostile))
    )
    assert elements(body(other)) == elements(body(harmless))
    assert set(front_matter(other)) - {"language"} == {"library_name", "pipeline_tag", "tags"}
    assert not {"html_inline", "html_block", "link_open", "image"} & set(elements(body(other)))
    compile(code_of(other), "card", "exec")


def test_scores_are_those_before_and_after(tuned: Run) -> None:
    found = rows(build_card(tuned))
    head, loss, _ = (cells for cells in found if cells[0].startswith(("task and", "heldout")))
    assert head == ["task and metric", "before", "after"]
    for cell, stage in zip(loss[1:], ("before", "after"), strict=True):
        entry = make_scores(stage)["heldout"]["loss"]
        assert cell.startswith(f"{entry['value']:#.4g} [{entry['low']:#.4g}, {entry['high']:#.4g}], n = 33")


def test_a_run_that_did_not_score_the_chosen_adapter_says_so(recipe: Recipe, run_folder: Path) -> None:
    recipe.stages = ("before", "epoch-1")
    card = build_card(recipe.write(run_folder))
    assert "the last column is the stage epoch 1" in " ".join(texts(card))


def test_data_settings_and_hashes_are_those_of_the_record(tuned: Run) -> None:
    card = build_card(tuned)
    found = rows(card)
    assert ["law.jsonl", "676", "d" * 64] in found
    assert ["lora.rank", "64", "64"] in found and ["train.epochs", "3", "2"] in found
    keys = {cells[0] for cells in found}
    assert not {"train.log_every_steps", "run.dir", "track.project", "data.train"} & keys
    for pair in (
        ["run", "0007-law"], ["evaluation fingerprint", "f" * 16], ["model.safetensors sha256", "a" * 64],
        ["seeds", "train 42, split 0"],
    ):  # fmt: skip
        assert pair in found, pair


def test_no_folder_and_no_secret_of_the_machine_is_told(
    recipe: Recipe, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "/home/alice/my secrets"
    monkeypatch.setenv("HF_TOKEN", "hf_hunter2hunter2")
    recipe.manifest = {**make_manifest("x"), "command": ["loralab", "train", f"{place}/law.yaml"]}
    recipe.manifest["data_files"] = [{"path": f"{place}/law.jsonl", "sha256": "d" * 64, "rows": 676}]
    recipe.manifest["model"] |= {"name": f"{place}/qwen", "origin": "local", "folder": f"{place}/qwen"}
    recipe.config = make_config()
    recipe.config["lora"]["init"] = f"{place}/start"
    recipe.config["data"] |= {"train": [f"{place}/law.jsonl"], "system": "the key is hf_hunter2hunter2"}
    recipe.extra_events = [
        {"kind": "warning", "code": "odd", "message": f"{place}/law.jsonl is odd"},
        {"kind": "run_failed", "error": f"no space in '{place}'", "where": "/home/alice/loop.py:12"},
    ]
    recipe.ending = ""
    card = build_card(recipe.write(run_folder))
    shown = texts(body(card))
    assert "/home" not in card and "alice" not in card and "hunter2" not in card
    assert ["lora.init", "start", "fresh"] in rows(card)
    assert any("did not finish" in line and "loop.py:12" in line for line in shown)
    assert any(line.endswith("which its report tells in full: odd.") for line in shown)


def test_it_is_written_beside_the_adapter_and_only_there(recipe: Recipe, run_folder: Path) -> None:
    run = recipe.write(run_folder)
    assert write_card(run) is None and not run.folder.adapter.exists()
    run.folder.adapter.mkdir()
    assert write_card(run) == run.folder.adapter / "README.md" == card_path(run)
    assert card_path(run).read_text("utf-8") == build_card(run)


@pytest.mark.parametrize("change", ["more", "less", "other"])
def test_a_card_that_was_changed_by_hand_stays(tuned: Run, change: str) -> None:
    path = card_path(tuned)
    assert write_card(tuned) == path and not is_changed_by_hand(path)
    text = path.read_text("utf-8")
    changed = {"more": f"{text}\nmine\n", "less": text.replace("Limits", ""), "other": "# Mine\n"}[change]
    path.write_text(changed, "utf-8")
    assert is_changed_by_hand(path) and write_card(tuned, "zh") is None
    assert path.read_text("utf-8") == changed
    path.unlink()
    assert write_card(tuned, "zh") == path and "结论" in path.read_text("utf-8")
    assert write_card(tuned) == path and "Verdict" in path.read_text("utf-8")


@given(st.one_of(st.text("\\'\"a\n{}", max_size=9), st.text(max_size=9)))
def test_a_text_in_the_code_is_the_same_text_to_python(text: str) -> None:
    shown = literal(text)
    assert ast.literal_eval(shown) == text and "\n" not in shown and shown[0] == shown[-1] == '"'


def test_training_writes_it(job: Job) -> None:
    card = (job.run / "adapter" / "README.md").read_text("utf-8")
    assert not is_changed_by_hand(job.run / "adapter" / "README.md")
    assert str(job.folder) not in card and "rows.jsonl" in card and "base_model" not in front_matter(card)


def test_its_code_answers_as_the_evaluation_did(
    job: Job, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The adapter loads in PEFT with the card beside it."""
    run = open_run(shutil.copytree(job.run, tmp_path / job.run.name))
    asked = run.predictions("after")[0]
    lines = code_of(card_path(run).read_text("utf-8"))
    for old, new in (
        (literal(tiny_model.name), literal(str(tiny_model))), ('"."', literal(str(run.folder.adapter))),
        (literal("your question"), literal(asked["question"])),
    ):  # fmt: skip
        assert lines.count(old) == 1
        lines = lines.replace(old, new)
    exec(compile(lines, "card", "exec"), {})
    assert capsys.readouterr().out == f"{asked['answer']}\n"
