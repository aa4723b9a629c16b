"""What changed within a run, on its page: the counts are those of the score rows, and general prompts stand apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import Page

from doubles.compared import score_rows, write_run
from loralab.evaluate.side import first_and_last
from loralab.evaluate.units import is_share
from loralab.report import build_report
from loralab.report.run_changes import MOST_CHANGES, changed_counts, general_check, run_changes
from loralab.report.text import amount, signed
from loralab.run.view import Run

N = 24
OLD, NEW = [1.0] * 12 + [0.0] * 12, [0.0] * 9 + [1.0] * 3 + [1.0] * 2 + [0.0] * 10  # 9 broken, 2 fixed


def made(folder: Path, before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]) -> Run:
    """A run that scored these values before and after."""
    write_run(folder, before, stage="before", answer="earlier")
    return write_run(folder, after, stage="after", answer="later")


def shown(html: str, section: str) -> str:
    """The HTML of one section."""
    found = re.search(f'<section id="{section}">.*?</section>', html, re.DOTALL)
    assert found
    return found[0]


BITS = st.lists(st.sampled_from([0.0, 1.0]), min_size=7, max_size=7)


@settings(max_examples=15)
@given(BITS, BITS)
def test_counts_are_those_of_the_rows(tmp_path_factory: pytest.TempPathFactory, one: Any, two: Any) -> None:
    run = made(tmp_path_factory.mktemp("run"), {"heldout/exact_match": one}, {"heldout/exact_match": two})
    stages, (count,) = changed_counts(run)
    assert stages == ("before", "after") and count.n == 7
    assert count.fixed == sum(b > a for a, b in zip(one, two, strict=True))
    assert count.broken == sum(b < a for a, b in zip(one, two, strict=True))
    groups = run_changes(first_and_last(run)).groups
    assert {g.kind: len(g.shown) + g.left_out for g in groups} == {
        kind: n for kind, n in (("fixed", count.fixed), ("broken", count.broken)) if n
    }


def test_a_metric_of_which_less_is_better_is_fixed_by_less_and_one_of_neither_is_not_counted(
    tmp_path: Path,
) -> None:
    names = ("heldout/repetition", "heldout/length_ratio", "heldout/loss", "general/neutral_loss")
    run = made(tmp_path / "a", dict.fromkeys(names, [0.5] * 6), dict.fromkeys(names, [0.25] * 6))
    _, counts = changed_counts(run)
    assert [(c.metric, c.fixed, c.broken, c.graded) for c in counts] == [("repetition", 6, 0, True)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_answers_and_the_reference_stand_on_the_page(tmp_path: Path, language: str) -> None:
    run = made(tmp_path / "a", {"heldout/exact_match": OLD}, {"heldout/exact_match": NEW})
    html = build_report(run, language)
    read = Page(html)
    for text in ("question q12?", "earlier q12", "later q12", "reference q12"):
        assert text in read.shown_as("text"), text
    counts = re.search(r"heldout exact_match</th>(.*?)</tr>", shown(html, "changed"))
    assert counts and re.findall('data value="(\\d+)"', counts[1]) == ["2", "9", "13", "24"]
    words = {
        "en": f"{9 - MOST_CHANGES} more are not shown here",
        "zh": f"另有 {9 - MOST_CHANGES} 个未在此显示",
    }
    assert words[language] in shown(html, "changed")


def test_general_prompts_have_a_section_of_their_own_and_stand_in_no_other_list(tmp_path: Path) -> None:
    before = {"general/accuracy": OLD, "general/right_language": [1.0] * N, "heldout/exact_match": [0.0] * N}
    after = before | {"general/accuracy": NEW, "general/neutral_loss": [2.5] * N}
    run = made(tmp_path / "a", before, after)
    sides = first_and_last(run)
    found = general_check(run, sides)
    assert found and found.count and (found.count.fixed, found.count.broken, found.count.n) == (2, 9, N)
    assert found.is_small and {g.kind for g in found.groups} == {"fixed", "broken"}
    html = build_report(run)
    general = shown(html, "general")
    assert "9 were followed at first and no longer at the end, 2 the other way round" in general
    assert "right became wrong</span> (9)" in general and "n = 24 is few" in general
    assert "50.0 %" in general and "−29.2 %" in general and "loss on neutral texts" in general
    assert "general" not in shown(html, "changed")
    verdicts = {row.scores.metric: row.difference for row in found.rows}
    assert verdicts["accuracy"] and "no difference shown" in general
    assert "General check (built-in prompts): 50.0 % (before) to 20.8 % (after)" in Page(html).text
    assert verdicts["neutral_loss"] is None, "scored at one stage only"


def test_verdict_and_general_block_agree(tmp_path: Path) -> None:
    """9 broken and 2 fixed: McNemar's p is 0.065, so that both say that nothing is shown; 9 and 0 are worse."""
    for name, after, word in (("a", NEW, "no difference shown"), ("b", [0.0] * 9 + OLD[9:], "worse")):
        run = made(tmp_path / name, {"general/accuracy": OLD}, {"general/accuracy": after})
        found = general_check(run, first_and_last(run))
        assert found and found.rows[0].difference
        assert str(found.rows[0].difference.verdict) == word
        assert f": {word}." in Page(build_report(run)).text


def test_a_run_without_general_check_or_without_two_stages_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", {"heldout/exact_match": OLD})
    html = build_report(run)
    assert 'id="general"' not in html and 'href="#general"' not in html
    assert "Fewer than two stages were scored" in shown(html, "changed")
    alone = build_report(write_run(tmp_path / "b", {"general/accuracy": OLD}))
    assert "50.0 %" in shown(alone, "general") and "difference, " not in shown(alone, "general")


def test_stages_without_a_question_in_common_say_so(tmp_path: Path) -> None:
    rows = score_rows({"heldout/exact_match": OLD}, ids=[f"other{i}" for i in range(N)])
    write_run(tmp_path / "a", {"heldout/exact_match": OLD}, stage="before")
    html = build_report(write_run(tmp_path / "a", {}, rows=rows))
    assert "No answer was scored at both stages." in shown(html, "changed")


def test_many_long_changes_do_not_make_a_large_page(tmp_path: Path) -> None:
    metrics = [f"t{i}/accuracy" for i in range(30)]
    write_run(tmp_path / "a", dict.fromkeys(metrics, [0.0] * 60), stage="before", answer="律" * 5000)
    run = write_run(tmp_path / "a", dict.fromkeys(metrics, [1.0] * 60), answer="条" * 5000)
    section = shown(build_report(run), "changed")
    assert len(section.encode()) < 1e6
    assert section.count("(60)") == 30 and "60 more are not shown here" in section


@pytest.mark.parametrize("hostile", ["<script>alert(1)", '" onmouseover="alert(1)" x="', "{{ 7 * 7 }}"])
def test_hostile_text_adds_no_element(tmp_path: Path, hostile: str) -> None:
    def parts(text: str, name: str) -> tuple[Any, Any, str]:
        ids = [f"{text}{i}" for i in range(N)]
        for stage, values in (("before", OLD), ("after", NEW)):
            rows = score_rows({"general/accuracy": values, f"{text}/f1": values}, ids=ids)
            run = write_run(tmp_path / name, {}, rows=rows, stage=stage, answer=text)
        html = build_report(run)
        read = Page(html)
        return read.elements, [(tag, name) for tag, name, _ in read.attributes], read.text

    elements, attributes, _ = parts("harmless", "one")
    hostile_elements, hostile_attributes, text = parts(hostile, "two")
    assert hostile_elements == elements and hostile_attributes == attributes and text.count(hostile) > 20


@pytest.mark.parametrize(
    ("task", "metric", "share"),
    [("heldout", "ended", True), ("heldout", "copied", True), ("general", "accuracy", True), ("heldout", "rouge_l", False),
     ("lawbench:1-2", "accuracy", False), ("heldout", "length_ratio", False), ("heldout", "citation_f1", False)],
)  # fmt: skip
def test_shares_of_answers_are_read_in_per_cent(task: str, metric: str, share: bool) -> None:
    assert is_share(task, metric) == share
    assert amount(0.125, share) == ("12.5 %" if share else "0.1250")
    assert signed(-0.125, share) == ("−12.5 %" if share else "−0.1250")


@pytest.mark.parametrize(("value", "told"), [(None, "–"), ("NaN", "NaN"), (float("inf"), "Infinity"), (True, "True"), (1, "100.0 %")])  # fmt: skip
def test_what_is_no_number_stays_as_it_is(value: Any, told: str) -> None:
    assert amount(value, share=True) == told
