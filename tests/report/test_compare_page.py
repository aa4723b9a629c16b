"""The page of a comparison: self-contained, safe, and true to the numbers."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from pathlib import Path
from typing import Any

import pytest
from page_reader import Page

from doubles.compared import score_rows, write_run
from loralab.errors import ResourceError
from loralab.evaluate.comparison import Comparison, compare
from loralab.evaluate.side import make_sides
from loralab.report.compare_cost_plots import cost_plots
from loralab.report.compare_curves import NUM_COLOURS, course, overlays, style_of
from loralab.report.compare_document import document
from loralab.report.compare_page import build_compare_page, distinct_sources, p_text, write_compare_page
from loralab.report.run_cost import cost_rows, different_hardware, run_cost
from loralab.report.text import signed
from loralab.run.files import write_json
from loralab.run.view import Run, open_run

HOSTILE = (
    "<script>alert(1)</script>", "</style></title><img src=x onerror=alert(1)>", '" onmouseover="alert(1)" x="',
    "{{ 7 * 7 }} {0} {x}", "<!-- --> ]]>",
)  # fmt: skip
LOW, HIGH = [0.2 + 0.001 * i for i in range(40)], [0.4 + 0.002 * i for i in range(40)]
WRONG, RIGHT = [0.0] * 40, [1.0] * 20 + [0.0] * 20


def runs(tmp_path: Path, **changed: Any) -> list[Run]:
    one = write_run(tmp_path / "0001-a", {"heldout/rouge_l": LOW, "disc:single/accuracy": WRONG})
    values = {"heldout/rouge_l": HIGH, "disc:single/accuracy": RIGHT}
    return [one, write_run(tmp_path / "0002-b", values, **changed)]


def compared(*found: Run, anyway: bool = False) -> Comparison:
    return compare(make_sides([(run, "after") for run in found]), anyway)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_well_formed_and_says_what_was_found(tmp_path: Path, language: str) -> None:
    comparison = compared(*runs(tmp_path))
    read = Page(build_compare_page(comparison, language))
    assert read.elements["section"] == 5 and read.elements["svg"] == 8
    assert ("html", "lang", "zh-CN" if language == "zh" else "en") in read.attributes
    for found in comparison.differences:
        assert {str(found.estimate.value), str(found.estimate.low), str(found.p_adjusted)} <= set(read.values)
    words = {
        "en": "0002-b is better than 0001-a in disc:single accuracy: +0.5000",
        "zh": "disc:single accuracy 变好",
    }
    assert words[language] in read.text


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    html = build_compare_page(compared(*runs(tmp_path)))
    read = Page(html)
    links = [
        v for _, name, v in read.attributes if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert links and {link[1:] for link in links} <= {v for _, name, v in read.attributes if name == "id"}
    assert not {"script", "link", "iframe", "img", "object", "embed", "form", "base"} & set(read.elements)
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(v for _, name, v in read.attributes if name == "content" and "default-src" in v)
    assert (
        f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy and "unsafe" not in policy
    )


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(tmp_path: Path, hostile: str) -> None:
    def parts(text: str, folder: str) -> tuple[Any, Any, str]:
        rows = score_rows({f"{text}/rouge_l": HIGH}, ids=[f"{text}{i}" for i in range(40)])
        one = write_run(
            tmp_path / folder / "a",
            {},
            rows=score_rows({f"{text}/rouge_l": LOW}, ids=[f"{text}{i}" for i in range(40)]),
        )
        other = write_run(
            tmp_path / folder / "b",
            {},
            rows=rows,
            answer=text,
            gpu=text,
            template=text,
            parts={"backend": text},
        )
        write_json(other.folder.manifest, {**other.manifest, "model": {"name": text}})
        read = Page(build_compare_page(compared(one, open_run(other.folder.path), anyway=True)))
        return read.elements, [(tag, name) for tag, name, _ in read.attributes], read.text

    # a task is what stands before the first slash of a name
    text = hostile.replace("/", "")
    elements, attributes, _ = parts("harmless", "one")
    hostile_elements, hostile_attributes, shown = parts(text, "two")
    assert hostile_elements == elements and hostile_attributes == attributes
    assert shown.count(text) > 20


def test_unlike_runs_are_marked_on_the_page(tmp_path: Path) -> None:
    found = runs(tmp_path, parts={"questions": "q2"})
    read = Page(build_compare_page(compared(*found, anyway=True)))
    assert "These runs are unlike" in read.text and "not the same questions were asked" in read.text
    assert "These runs are unlike" not in Page(build_compare_page(compared(found[0], found[0]))).text


def test_a_run_with_itself_is_nowhere_better_and_its_changed_answers_are_none(tmp_path: Path) -> None:
    run = runs(tmp_path)[0]
    read = Page(build_compare_page(compared(run, run)))
    assert (
        "No difference to 0001-a has been shown." in read.text and "No answer changed its score." in read.text
    )
    assert "is better than" not in read.text
    assert not [v for _, name, v in read.attributes if name == "class" and "difference better" in v]


def test_both_answers_and_the_reference_of_a_changed_question_are_there(tmp_path: Path) -> None:
    read = Page(build_compare_page(compared(*runs(tmp_path, answer="later"))))
    for text in ("question q7?", "answer q7", "later q7", "reference q7"):
        assert text in read.shown_as("text"), text
    assert "wrong became right" in read.text and "largest gains" in read.text and "0 → 1" in read.text


def test_what_has_no_room_is_counted(tmp_path: Path) -> None:
    n = 120
    one = write_run(tmp_path / "a", {"t/accuracy": [0.0] * n})
    other = write_run(tmp_path / "b", {"t/accuracy": [1.0] * n}, answer="律" * 5000)
    comparison = compared(one, other)
    html = build_compare_page(comparison)
    assert len(html.encode()) < 3e6
    assert (
        f"{n - 50} more are not shown here" in html and "1,003 more characters are in the run folder" in html
    )
    assert len([c for c in document(comparison)["fixed"] if c["run"] == "b"]) == n


def test_a_page_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="choose another place"):
        write_compare_page(compared(*runs(tmp_path)), tmp_path / "file" / "page.html")


# -------------------------------------------------------------------------------------------- cost


def test_cost_is_what_the_record_says(tmp_path: Path) -> None:
    cost = run_cost(runs(tmp_path)[0])
    assert cost.to_dict() == {
        "model": "some/model", "rank": 8, "trainable": 1234, "steps": 3, "tokens": 300, "label_tokens": 180,
        "minutes": 1.5, "wall_minutes": 2.0, "peak_bytes": 2**30, "hardware": "Some GPU",
        "kind": "run", "answer_tokens": None, "answer_seconds": None,
    }  # fmt: skip
    told = dict(cost_rows([cost], "en"))
    assert told["training time"] == ["1 min 30 s"] and told["peak memory"] == ["1.0 GiB"]


def test_what_is_not_recorded_is_a_dash_or_no_row(tmp_path: Path) -> None:
    run = runs(tmp_path)[0]
    for path in (run.folder.events, run.folder.config):
        path.unlink()
    bare = run_cost(open_run(run.folder.path))
    assert (bare.minutes, bare.peak_bytes, bare.rank, bare.tokens) == (None, None, None, None)
    told = dict(cost_rows([bare], "en"))
    assert "peak memory" not in told
    assert dict(cost_rows([bare, run_cost(runs(tmp_path)[1])], "en"))["peak memory"] == ["–", "1.0 GiB"]


def test_other_hardware_is_marked(tmp_path: Path) -> None:
    found = runs(tmp_path, gpu="Other GPU")
    costs = [run_cost(run) for run in found]
    (mark,) = different_hardware(["a", "b"], costs)
    assert "b was made on other hardware than a" in str(mark)
    assert different_hardware(["a", "a"], [costs[0], costs[0]]) == []
    assert str(mark) in Page(build_compare_page(compared(*found))).text.replace(
        "0002-b was", "b was"
    ).replace("0001-a:", "a:")


# ------------------------------------------------------------------------------------------ curves


def test_losses_lie_at_the_tokens_that_were_trained_on(tmp_path: Path) -> None:
    run = runs(tmp_path)[0]
    assert course("a", run, by_tokens=True).train == [(100, 2.0), (200, 1.5), (300, 1.25)]
    assert course("a", run, by_tokens=True).held_out == [(300, 1.75)]
    assert course("a", run, by_tokens=False).train == [(1, 2.0), (2, 1.5), (3, 1.25)]


def test_a_run_without_token_counts_puts_all_on_steps(tmp_path: Path) -> None:
    one, other = runs(tmp_path)
    text = other.folder.events.read_text("utf-8").replace('"tokens": 100, ', "")
    other.folder.events.write_text(text, "utf-8")
    found = overlays([("a", one), ("b", open_run(other.folder.path))], "en")
    assert all("optimizer step" in figure.wide for figure in found) and len(found) == 2


def test_each_run_has_its_colour_and_its_name(tmp_path: Path) -> None:
    named = [
        (f"r{i}", write_run(tmp_path / f"{i}", {"t/rouge_l": LOW}, losses=[2.0 + i, 1.0])) for i in range(4)
    ]
    for figure in overlays(named, "en"):
        assert list(figure.legend) == [(f"run{i}", f"r{i}") for i in range(4)]
        assert all(f'class="line run{i}"' in figure.wide for i in range(4))
    css = (Path(__file__).parents[2] / "src/loralab/report/compare_page.css").read_text("utf-8")
    assert all(f".line.{style_of(i)} " in css and f".key.{style_of(i)}::" in css for i in range(NUM_COLOURS))


def test_a_loss_that_is_no_number_breaks_the_line_and_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", {"t/rouge_l": LOW}, losses=[2.0, math.nan, 1.0])
    figure = overlays([("a", run), ("b", run)], "en")[0]
    assert 'class="gap"' in figure.wide and figure.notes[0].startswith("a: no finite number")


def test_stages_of_one_run_share_its_curves_and_cost(tmp_path: Path) -> None:
    run = runs(tmp_path)[0]
    write_run(run.folder.path, {"heldout/rouge_l": HIGH}, stage="before")
    comparison = compare(make_sides([(run, "before"), (run, "after")]))
    assert [label for label, _ in distinct_sources(comparison.sides)] == ["0001-a"]
    html = build_compare_page(comparison)
    assert html.count('<span class="side"><span class="key run0">') == 2 and 'run1"' not in html


# ----------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "shown"), [(0.25, "+0.2500"), (-0.25, "−0.2500"), (0.0, "0"), (-0.0, "0"), (None, "–"), (math.nan, "NaN")]
)  # fmt: skip
def test_a_difference_has_its_sign(value: Any, shown: str) -> None:
    assert signed(value) == shown


@pytest.mark.parametrize(
    ("p", "shown"), [(0.00099, "< 0.001"), (0.001, "= 0.001"), (0.0499, "= 0.050"), (1.0, "= 1.000")]
)
def test_p_is_short(p: float, shown: str) -> None:
    assert p_text(p) == shown


def test_a_score_stands_against_what_it_cost(tmp_path: Path) -> None:
    cheap, dear = runs(tmp_path)[:2]
    plots = cost_plots(compared(cheap, dear), "en")
    assert [plot.title.partition(" against ")[2] for plot in plots] == [
        "training time, minutes",
        "peak memory, GiB",
    ]
    assert all(str(plot.wide).count("<circle") == 2 for plot in plots)


def test_one_run_alone_has_no_plot(tmp_path: Path) -> None:
    run = runs(tmp_path)[0]
    stages = compare(make_sides([(run, "after"), (run, "after")]), True)
    assert all(len(set(plot.legend)) > 1 for plot in cost_plots(stages, "en"))
