"""The page as a whole: well-formed, self-contained, safe, and true to the record."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from page_reader import Page

from doubles.made_run import STAGES, Recipe, make_manifest, make_prediction, make_predictions, make_scores
from loralab.report import build_report, page, write_report
from loralab.run.files import write_json
from loralab.run.view import Run, open_run
from loralab.words import say

HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title></textarea><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onmouseover='alert(1)' x='",
    "{{ 7 * 7 }} {% raw %} {0} {x}",
    "&lt;b&gt; &amp; &#60;",
    "<!-- --> ]]> <![CDATA[",
)


def answers_of(answer: str, **fields: Any) -> dict[str, list[dict[str, Any]]]:
    """One probe with this answer at every stage."""
    return {stage: [make_prediction("probe", 0, answer, **fields)] for stage in STAGES}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_well_formed(finished: Run, language: str) -> None:
    read = Page(build_report(finished, language))
    assert read.elements["section"] == 9
    assert ("html", "lang", "zh-CN" if language == "zh" else "en") in read.attributes


def test_nothing_is_fetched_and_nothing_runs(finished: Run) -> None:
    html = build_report(finished)
    read = Page(html)
    links = [
        value
        for _, name, value in read.attributes
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert links and all(link.startswith("#") for link in links)
    targets = {value for _, name, value in read.attributes if name == "id"}
    assert {link[1:] for link in links} <= targets
    assert not {"script", "link", "iframe", "img", "object", "embed", "form", "base"} & set(read.elements)
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]


def test_the_policy_lets_in_exactly_the_pages_own_style(finished: Run) -> None:
    html = build_report(finished)
    policy = next(v for _, name, v in Page(html).attributes if name == "content" and "default-src" in v)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(
    recipe: Recipe, run_folder: Path, hostile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pages_parts(text: str) -> tuple[Any, Any, str]:
        monkeypatch.setattr(page, "verdict", lambda run: [say("{text}", text=text)])
        row = {"question": text, "reference": text, "id": text, "finish_reason": text, "prompt_tokens": text}
        recipe.predictions = answers_of(text, **row)
        recipe.manifest = {**make_manifest("x"), "created": text, "command": text, text: {text: text}}
        recipe.manifest["model"] = {"name": text, "weights": [{text: text}]}
        recipe.manifest["data_files"] = [{"path": text, "sha256": text}]
        recipe.config = {"data": {"train": [text]}, "x": {text: text}}
        recipe.scores = {stage: {text: {text: {"value": text, "n": text}}} for stage in STAGES}
        recipe.extra_events = [
            {"kind": "warning", "code": text, "message": text},
            {"kind": "sink_failed", "sink": text, "error": text, "events_lost": text},
            {"kind": "best", "step": 20, "metric": text, "value": text},
            {"kind": "run_failed", "error": text, "where": text},
        ]
        recipe.ending = ""
        read = Page(build_report(recipe.write(run_folder)))
        return read.elements, [(tag, name) for tag, name, _ in read.attributes], read.text

    elements, attributes, _ = pages_parts("harmless")
    hostile_elements, hostile_attributes, text = pages_parts(hostile)
    assert hostile_elements == elements
    assert hostile_attributes == attributes
    assert text.count(hostile) > 20


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x07c\x1b[31m\x7f", "a␀b␇c␛[31m␡"),
        ("bare\rreturn and\r\nline", "bare␍return and\nline"),
        ("surrogate \ud83d alone", "surrogate ⟨U+D83D⟩ alone"),
        ("order \u202e reversed", "order ⟨U+202E⟩ reversed"),
        ("\x85\ufffe", "⟨U+0085⟩⟨U+FFFE⟩"),
        ("  kept \n\n\tas  it  is \n", "  kept \n\n\tas  it  is \n"),
        ("汉字 and 😀", "汉字 and 😀"),
    ],
)
def test_every_character_of_an_answer_can_be_seen(
    recipe: Recipe, run_folder: Path, text: str, shown: str
) -> None:
    recipe.predictions = answers_of(text)
    html = write_report(recipe.write(run_folder)).read_bytes().decode("utf-8")
    assert shown in Page(html).shown_as("text")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)


def test_a_very_long_answer_is_cut_and_the_rest_counted(recipe: Recipe, run_folder: Path) -> None:
    recipe.predictions = answers_of("律" * 100_000)
    html = build_report(recipe.write(run_folder))
    assert html.count("律") == 3 * 4_000  # before, epoch 1, epoch 2 with after
    assert Page(html).text.count("96,000 more characters") == 3


def test_many_questions_do_not_make_a_page_that_mail_refuses(recipe: Recipe, run_folder: Path) -> None:
    long = "律" * 2_000
    recipe.predictions = {
        stage: [make_prediction("test", i, f"{stage}{long}", question=f"{i}{long}") for i in range(300)]
        for stage in STAGES
    }
    html = build_report(recipe.write(run_folder))
    shown = Page(html).elements["details"] - 3
    assert len(html.encode()) < 3e6
    assert 50 < shown < 300
    assert f"{300 - shown} more questions have no room" in html


def test_a_normal_run_stays_under_three_megabytes(recipe: Recipe, run_folder: Path) -> None:
    recipe.num_steps = 5_000
    recipe.predictions = {
        stage: [make_prediction("test", i, f"{stage} " + "答" * 700) for i in range(40)] for stage in STAGES
    }
    html = build_report(recipe.write(run_folder))
    assert len(html.encode()) < 3e6
    assert html.count("答") == 40 * 4 * 700


def test_scores_in_the_page_are_those_of_the_record(finished: Run) -> None:
    values = Page(build_report(finished)).values
    for stage in STAGES:
        for metric in make_scores(stage)["heldout"].values():
            for value in metric.values():
                assert str(value) in values


def test_scores_stand_in_the_column_of_their_stage(finished: Run) -> None:
    html = build_report(finished)
    table = html[html.index('<table class="scores">') :]
    table = table[: table.index("</table>")]
    head, loss, rouge = re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
    assert re.findall("<th[^>]*>(.*?)</th>", head)[1:] == ["before", "epoch 1", "epoch 2", "after"]
    for row, metric in ((loss, "loss"), (rouge, "rouge_l")):
        shown = re.findall('<b><data value="(.*?)">', row)
        assert shown == [str(make_scores(stage)["heldout"][metric]["value"]) for stage in STAGES]
    assert "lower is better" in loss and "lower is better" not in rouge


def test_data_counts_and_losses_are_those_of_the_record(finished: Run) -> None:
    values = Page(build_report(finished)).values
    report = finished.data_report
    counts = [v for v in report.values() if isinstance(v, int)]
    counts += [*report["tokens"].values(), *report["dropped"].values(), *report["repaired"].values()]
    assert {str(count) for count in counts} <= set(values)
    losses = [event["loss"] for event in finished.record.steps()]
    assert {str(v) for v in (losses[0], losses[-1], min(losses), max(losses))} <= set(values)


def test_head_says_model_data_time_and_cost(finished: Run) -> None:
    text = Page(build_report(finished)).text
    for part in (
        "0007-law", "finished", "Qwen/Qwen2.5-0.5B-Instruct", "law.jsonl", "2026-11-25 03:01 UTC",
        "29 min 6 s", "40 of 40", "640", "35,192,832 (7.124 %)", "20.0 GiB", "cuda:0, bfloat16",
    ):  # fmt: skip
        assert part in text, part


def test_the_verdict_is_said_in_the_readers_language(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "verdict", lambda run: [say("{count} checkpoints", count=7), say("second")])
    text = Page(build_report(finished, "zh")).text
    assert "7 个检查点\n" in text and "second\n" in text


def test_settings_that_differ_come_first(finished: Run) -> None:
    html = build_report(finished)
    changed, rest = html.index("3 settings differ from the defaults"), html.index("settings are the defaults")
    keys = re.findall(r'<th scope="row"><code>([\w.]+)</code>', html[changed:rest])
    assert sorted(keys) == ["data.train", "model.name", "train.epochs"]
    assert re.search(r"<code>train.epochs</code></th><td><code>3</code></td><td[^>]*><code>2</code>", html)
    assert "<code>lora.rank</code>" in html[rest:]


def test_parts_of_the_manifest_that_are_unknown_are_shown(finished: Run) -> None:
    text = Page(build_report(finished)).text
    for part in ("from_the_future", "nested.key", "kept in sight", "gpus[0].name", "128.0 GiB", "0.1.0"):
        assert part in text, part


def test_how_to_repeat_names_command_and_hashes(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.folder.path.parent.parent)
    text = Page(build_report(finished)).text
    assert "loralab train runs/0007-law/config.yaml" in text
    assert "d" * 64 in text and "a" * 64 in text


def test_a_path_with_a_space_is_quoted_in_the_command(recipe: Recipe, tmp_path: Path) -> None:
    folder = tmp_path / "my runs" / "0001-x"
    folder.mkdir(parents=True)
    text = Page(build_report(recipe.write(folder))).text
    assert f"loralab train '{folder}/config.yaml'" in text


def test_a_run_with_nothing_but_a_manifest_says_what_is_missing(run_folder: Path) -> None:
    write_json(run_folder / "manifest.json", {"format": 1})
    text = Page(build_report(open_run(run_folder))).text
    for part in (
        "stale", "Nothing was scored.", "No optimizer step is recorded.", "No answer is recorded.",
        "The run has no data report.", "The run has no readable config.", "The manifest names no files.",
    ):  # fmt: skip
        assert part in text, part


def test_an_interrupted_run_says_how_to_go_on_and_shows_the_answers_it_has(
    recipe: Recipe, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe.stages, recipe.ending = ("before",), "interrupted"
    row = make_predictions("epoch-1")[3]
    recipe.extra_events = [{"kind": "prediction", "stage": "epoch-1", **row}]
    monkeypatch.chdir(run_folder.parent.parent)
    read = Page(build_report(recipe.write(run_folder)))
    assert "interrupted" in read.shown_as("status")
    assert "stopped by SIGINT at step 20" in read.text
    assert "loralab resume runs/0007-law" in read.text
    assert "answer 3 of epoch-1" in read.shown_as("text")
    assert read.text.count("no answer is recorded") == 4  # the other questions of epoch 1


def test_a_failed_run_says_why_and_where(recipe: Recipe, run_folder: Path) -> None:
    recipe.ending = "failed"
    read = Page(build_report(recipe.write(run_folder)))
    assert read.shown_as("note")[:2] == ["the loss is not finite", "where: train.jsonl:17"]


def test_wall_time_of_a_resumed_run_is_the_sum_of_its_sessions(recipe: Recipe, run_folder: Path) -> None:
    recipe.extra_events = [
        {"kind": "run_interrupted", "signal": "SIGINT", "step": 40, "time": "2026-11-25T03:11:02.000Z"},
        {"kind": "run_resumed", "from_step": 40, "time": "2026-11-26T03:00:00.000Z"},
        {"kind": "run_finished", "reason": "done", "seconds": 300.0, "time": "2026-11-26T03:05:00.000Z"},
    ]
    recipe.ending = ""
    assert "15 min 0 s" in Page(build_report(recipe.write(run_folder))).text


def test_torn_lines_are_passed_over_and_said(finished: Run) -> None:
    with finished.folder.events.open("ab") as stream:
        stream.write(b'{"seq": 99, "kind": "st')
    path = finished.folder.predictions("before")
    path.write_text(path.read_text("utf-8") + '{"id": "00', "utf-8")
    read = Page(build_report(open_run(finished.folder.path)))
    assert "the last line of events.jsonl is torn; 23 bytes were passed over" in read.text
    assert "predictions/before.jsonl: lines that could not be read: 1" in read.text
    assert "answer 4 of before" in read.shown_as("text")


def test_a_damaged_score_row_is_no_bug_and_is_said(finished: Run) -> None:
    path = finished.folder.score_rows("before")
    path.write_text('{"task": "heldout", "metric": "lo\n[]\n', "utf-8")
    text = Page(build_report(open_run(finished.folder.path))).text
    assert "scores/before.rows.jsonl: lines that could not be read: 2" in text


def test_warnings_that_repeat_are_counted(recipe: Recipe, run_folder: Path) -> None:
    recipe.extra_events = [{"kind": "warning", "code": "slow", "message": "the disk is slow"}] * 3
    recipe.extra_events += [
        {"kind": "sink_failed", "sink": "swanlab", "error": "no answer", "events_lost": 12}
    ]
    text = Page(build_report(recipe.write(run_folder))).text
    assert text.count("the disk is slow") == 1 and "× 3" in text
    assert "swanlab stopped: no answer; events it did not get: 12" in text


def test_the_chosen_checkpoint_is_marked(recipe: Recipe, run_folder: Path) -> None:
    recipe.extra_events = [{"kind": "best", "step": 20, "metric": "heldout_loss", "value": 1.998}]
    html = build_report(recipe.write(run_folder))
    assert re.search(r'<data value="20">20</data> <span class="tag">chosen</span>', html)
    assert html.count(">chosen<") == 1
    assert "Chosen: step 20, heldout_loss 1.998" in html


def test_a_score_that_is_no_number_is_shown_as_such(recipe: Recipe, run_folder: Path) -> None:
    recipe.scores = {"before": {"heldout": {"loss": {"value": "NaN", "n": 0, "low": None, "high": None}}}}
    recipe.stages = ("before",)
    values = Page(build_report(recipe.write(run_folder))).values
    assert "NaN" in values


def test_write_report_writes_the_page_into_the_run_folder(finished: Run) -> None:
    path = write_report(finished, "zh")
    assert path == finished.folder.report
    assert path.read_text("utf-8") == build_report(finished, "zh")
    assert json.loads(finished.folder.manifest.read_text("utf-8"))["id"] == "0007-law"
