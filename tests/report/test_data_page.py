"""The data page: well-formed, self-contained, safe, and every number of the report in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_reader import Page

from loralab.data.reasons import BAD_ROW, REASONS, REPAIRS
from loralab.encode.preview import Part, Preview
from loralab.errors import EXIT_RESOURCE, ResourceError
from loralab.report import data_tables
from loralab.report.data_page import DataSheet, build_data_page, verdict, write_data_page
from loralab.report.data_words import FINDINGS, MEANINGS
from loralab.report.lengths import length_bins
from loralab.words import say

HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title></textarea></svg><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onmouseover='alert(1)' x='",
    "{{ 7 * 7 }} {% raw %} {0} {x}",
    "&lt;b&gt; &amp; &#60;",
    "<!-- --> ]]> <![CDATA[",
)
COUNTS = {"median": 211, "p95": 383, "max": 384, "total": 203_001, "label_total": 150_221}


def make_pair(text: str = "", item: int = 7, **fields: Any) -> dict[str, Any]:
    return {
        "item": item,
        "place": f"b.json:#8{text}",
        "row": f"t.json:91{text}",
        "share": 0.925,
        "set": "train",
        **fields,
    }


def make_near(text: str = "") -> dict[str, Any]:
    return {
        "asked": 204, "found": 1, "found_in_training": 1, "rows": 3, "shingle_characters": 13,
        "threshold": 0.6, "seconds": 0.2, "pairs_in_all": 1, "pairs": [make_pair(text)],
    }  # fmt: skip


def make_report(text: str = "") -> dict[str, Any]:
    """A report with everything in it; `text` is put wherever data may put text."""
    return {
        "files": [
            {"path": f"a.json{text}", "sha256": "ab" * 32, "rows": 1013, "format": f"x{text}",
             "kind": f"JSON lines{text}", "shapes": {f"input/output{text}": 1000, "messages": 13}},
        ],
        "read": 1013, "kept": 987, "repaired": {"trailing_space": 77, "bom": 1},
        "dropped": {"bad_json": 19, "duplicate": 7}, "cut": 31, "cut_answers": 31, "duplicates": 6,
        "conflicts": 5, "overlap": 4, "unused_keys": {f"id{text}": 1002},
        "tokens": {**COUNTS, "cut_labels": 2718, "cut_ends": 29},
        "findings": [
            {"code": f"placeholder_answer{text}", "count": 12, "message": f"12 blanks{text}",
             "examples": [{"place": f"a.json:5{text}", "text": f"第X条{text}"}]},
        ],
        "near": make_near(text),
        "mixture": [
            {"path": f"a.json{text}", "weight": 2.5, "rows": None, "train_rows": 801, "epoch_rows": 2003,
             "share": 0.75, "epoch_label_tokens": 90_001},
        ],
        "near_duplicates": {
            "groups": 3, "rows": 8, "threshold": 0.8, "examples": [[f"a.json:1{text}", "a.json:2"]],
        },
    }  # fmt: skip


def make_sheet(text: str = "", **fields: Any) -> DataSheet:
    """A sheet with everything in it."""
    dropped = {"file": f"a.json{text}", "line": 17, "reason": f"bad_json{text}", "detail": f"no JSON{text}"}
    parts = (
        Part(f"user\nq{text}", "seen"),
        Part(f"answer{text}", "trained"),
        Part(f"<|im_end|>{text}", "end"),
    )
    everything: dict[str, Any] = {
        "title": f"law.yaml{text}", "report": make_report(text),
        "split": {"train": 903, "test": 79, "probes": 5},
        "template": {"end": f"<|im_end|>{text}", "default_system": f"<|im_start|>system\n{text}"},
        "max_tokens": 384, "on_long": "cut", "warnings": [say("{text}", text=f"a warning{text}")],
        "dropped": [{**dropped, "row": f"{{broken{text}"}, {**dropped, "row": [text]}],
        "previews": [Preview(f"a.json:1{text}", 40, 9, parts, 13)],
        "lengths": length_bins([*range(20, 400)], 384),
        "contamination": {f"bench.json{text}": {**make_near(text), "unread": 2, "items": [7]}},
        "on_bad_row": "drop",
    }  # fmt: skip
    return DataSheet(**{**everything, **fields})


def make_clean(**fields: Any) -> DataSheet:
    """A sheet of data with nothing wrong, looked at without a tokenizer."""
    report = {
        "files": [], "read": 40, "kept": 40, "repaired": {}, "dropped": {}, "cut": 0, "cut_answers": 0,
        "duplicates": 0, "conflicts": 0, "overlap": 0, "unused_keys": {}, "findings": [],
    }  # fmt: skip
    split = {"train": 34, "test": 2, "probes": 4}
    return replace(DataSheet("a.jsonl", report, split, None, 384, "cut"), **fields)


def changed(sheet: DataSheet, **fields: Any) -> DataSheet:
    """The sheet with other values in its report."""
    return replace(sheet, report={**sheet.report, **fields})


# ------------------------------------------------------------------------------------------ the page


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("make", "sections"), [(make_sheet, 10), (make_clean, 8)])
def test_the_page_is_well_formed(make: Any, sections: int, language: str) -> None:
    read = Page(build_data_page(make(), language))
    assert read.elements["section"] == sections
    assert ("html", "lang", "zh-CN" if language == "zh" else "en") in read.attributes


def test_nothing_is_fetched_and_nothing_runs() -> None:
    html = build_data_page(make_sheet())
    read = Page(html)
    names = {"src", "href", "srcset", "action", "data", "poster"}
    links = [value for _, name, value in read.attributes if name in names]
    targets = {value for _, name, value in read.attributes if name == "id"}
    assert links and {link.removeprefix("#") for link in links} <= targets
    assert not {"script", "link", "iframe", "img", "object", "embed", "form", "base"} & set(read.elements)
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(v for _, name, v in read.attributes if name == "content" and "default-src" in v)
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in policy and "unsafe" not in policy


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(hostile: str) -> None:
    harmless, read = Page(build_data_page(make_sheet("harmless"))), Page(build_data_page(make_sheet(hostile)))
    assert read.elements == harmless.elements
    assert [a[:2] for a in read.attributes] == [a[:2] for a in harmless.attributes]
    as_json = json.dumps(hostile)[1:-1]
    shown = read.text.count(hostile) + (read.text.count(as_json) if as_json != hostile else 0)
    assert shown == harmless.text.count("harmless") > 25


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x00\x1b[31m", "␀␛[31m"), ("\u202egnp", "⟨U+202E⟩gnp"), ("\ud83d", "⟨U+D83D⟩"), ("a\r\nb", "a\nb")],
)
def test_characters_that_nobody_can_see_are_shown(text: str, shown: str) -> None:
    html = build_data_page(make_sheet(text))
    read = Page(html.encode("utf-8").decode("utf-8"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert f"answer{shown}" in read.shown_as("trained")
    assert f"{{broken{shown}" in read.shown_as("raw") and f"第X条{shown}" in read.text


# --------------------------------------------------------------------------------------- the numbers


def numbers_of(value: Any) -> set[str]:
    """Every number in the leaves of a JSON value."""
    if isinstance(value, dict):
        return {n for v in value.values() for n in numbers_of(v)}
    if isinstance(value, list):
        return {n for v in value for n in numbers_of(v)}
    return {str(value)} if isinstance(value, (int, float)) else set()


def test_every_number_of_the_report_is_in_the_page() -> None:
    sheet = make_sheet()
    report = dict(sheet.report)
    spoken = {key: report.pop(key) for key in ("near", "near_duplicates", "cut_answers")}  # in sentences
    report["files"] = [{**file, "shapes": {}} for file in report["files"]]
    read = Page(build_data_page(sheet))
    assert numbers_of(report) | numbers_of(dict(sheet.split)) <= set(read.values)
    assert "1 of 204 questions are found, in 3 rows." in read.text
    assert "pieces of 13 characters" in read.text and "from 60 % on it counts" in read.text
    assert "8 rows repeat another one nearly word for word, in 3 groups; similarity from 80 %" in read.text
    assert "input/output (1,000), messages (13)" in read.text
    assert set(spoken) <= set(sheet.report)


def test_rows_read_are_the_sum_of_the_rows_of_the_table() -> None:
    html = build_data_page(make_sheet())
    table = html[html.index('id="rows"') : html.index("Repaired, and kept")]
    counts = re.findall(r'<th scope="row">.*?<data value="(\d+)">', table)
    assert [int(n) for n in counts] == [987, 19, 7] and sum(map(int, counts)) == 1013
    assert "1,013 read = 987 kept + 26 dropped" in Page(html).text


@given(st.dictionaries(st.sampled_from(REASONS), st.integers(1, 10**7)), st.integers(0, 10**7))
def test_the_bar_has_a_visible_part_for_every_reason(dropped: dict[str, int], kept: int) -> None:
    parts = data_tables.flow({"read": kept + sum(dropped.values()), "kept": kept, "dropped": dropped})
    assert {part.code: part.count for part in parts if not part.kept} == dropped
    assert [part.count for part in parts if part.kept] == [kept] * bool(kept)
    assert all(part.width > 1 for part in parts)
    at = 0.0
    for part in parts:
        assert part.x == pytest.approx(at, abs=0.2)
        at = part.x + part.width + 1
    assert at == pytest.approx(1000 * bool(parts), abs=0.3)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_share_is_nothing_or_everything_only_if_it_is(part: int, whole: int) -> None:
    shown = data_tables.percent(min(part, whole) / whole).text()
    assert (shown == "0 %") == (part == 0)
    assert (shown == "100 %") == (part >= whole)


def test_repairs_of_files_have_no_share_of_the_rows() -> None:
    shares = {row.code: row.share for row in data_tables.repaired(make_report())}
    assert shares == {"trailing_space": 77 / 1013, "bom": None}


def test_every_fixed_word_of_the_report_has_a_meaning_of_its_own() -> None:
    assert set(MEANINGS) == {*REASONS, *REPAIRS}
    for meanings in (MEANINGS, FINDINGS):
        for language in ("en", "zh"):
            texts = [words.text(language) for words in meanings.values()]
            assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_is_shown_with_its_meaning_in_the_readers_language(reason: str) -> None:
    sheet = changed(make_clean(on_bad_row="drop"), dropped={reason: 1}, read=41)
    text = Page(build_data_page(sheet, "zh")).text
    assert reason in text and MEANINGS[reason].text("zh") in text


def test_a_word_of_a_newer_version_is_said_to_be_unknown() -> None:
    text = Page(build_data_page(changed(make_clean(), repaired={"from_the_future": 3}))).text
    assert "from_the_future" in text and "not known to this version" in text


# --------------------------------------------------------------------------------------- the verdict


def test_clean_data_are_said_to_be_clean() -> None:
    found = verdict(make_clean())
    assert (found.style, str(found.word)) == ("finished", "clean")
    read = Page(build_data_page(make_clean()))
    assert "clean" in read.shown_as("status") and "All 40 rows can be used." in read.text


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        (changed(make_clean(), dropped={"bad_json": 2, "duplicate": 5}), "2 rows are bad"),
        (changed(make_clean(on_long="error"), dropped={"too_long": 3}), "3 rows are longer than data.max_tokens"),
        (changed(make_clean(on_overlap="error"), overlap=4), "4 training rows ask a test or probe question"),
        (make_clean(split={"train": 0, "test": 0, "probes": 0}), "No row is left to train on."),
    ],
)  # fmt: skip
def test_what_would_stop_training_is_said_first(sheet: DataSheet, sentence: str) -> None:
    found = verdict(sheet)
    assert (found.style, str(found.word), len(found.sentences)) == ("failed", "training would stop", 1)
    read = Page(build_data_page(sheet))
    assert "training would stop" in read.shown_as("status")
    assert read.text.index(sentence) < read.text.index("Where every row went")


def test_rows_that_are_dropped_as_the_config_says_stop_nothing() -> None:
    sheet = changed(
        make_clean(on_bad_row="drop", on_long="drop"), dropped={"bad_json": 2, "too_long": 5}, overlap=3
    )
    found = verdict(sheet)
    assert [str(s) for s in found.sentences] == ["7 of 40 rows are left out; training goes on without them."]


@given(st.dictionaries(st.sampled_from(REASONS), st.integers(1, 9)), st.sampled_from(["error", "drop"]))
def test_training_stops_for_bad_rows_exactly_under_error(dropped: dict[str, int], on_bad_row: str) -> None:
    stops = verdict(changed(make_clean(on_bad_row=on_bad_row), dropped=dropped)).style == "failed"
    assert stops == (on_bad_row == "error" and bool(set(dropped) & set(BAD_ROW)))


# ----------------------------------------------------------------------------------------- the parts


def test_what_needs_a_tokenizer_says_so_twice_and_names_the_option() -> None:
    html = build_data_page(make_clean())
    assert html.count("This needs a tokenizer: add --model FOLDER.") == 2  # lengths, masks
    assert '<svg class="chart"' not in html
    assert "This needs a tokenizer" not in build_data_page(make_sheet())


def test_parts_without_content_are_left_out() -> None:
    read = Page(build_data_page(make_clean()))
    ids = {value for _, name, value in read.attributes if name == "id"}
    assert not {"dropped", "benchmarks"} & ids
    for heading in ("Warnings", "Keys of the rows", "nearly the same", "The rows of one epoch"):
        assert heading not in read.text, heading
    assert "not compared: nothing is held out" in read.text


def test_the_mask_is_shown_with_its_legend_and_its_cut() -> None:
    read = Page(build_data_page(make_sheet()))
    assert read.shown_as("seen") == ["only read", "user\nq"]
    assert read.shown_as("trained") == ["trained on", "answer"]
    assert read.shown_as("end") == ["end of an answer, trained on", "<|im_end|>"]
    assert "… cut here: 13 tokens left out" in read.shown_as("gap")
    assert "13 tokens cut off" in read.text and "40 tokens, 9 trained on" in read.text


def test_the_text_of_a_mask_is_the_parts_and_nothing_between_them() -> None:
    parts = (Part("  a\n", "seen"), Part(" b ", "trained"), Part("\nc", "end"), Part("\n", "seen"))
    html = build_data_page(make_sheet(previews=[Preview("f:1", 4, 2, parts)]))
    shown = re.search(r'<div class="text mask"[^>]*>(.*?)</div>', html, re.DOTALL)
    assert shown and re.sub("<[^>]*>", "", shown[1]) == "  a\n b \nc\n"


def test_a_very_long_part_loses_its_middle_and_says_how_much() -> None:
    preview = Preview("f:1", 9, 1, (Part("a" + "律" * 20_000 + "z", "seen"),))
    read = Page(build_data_page(make_sheet(previews=[preview])))
    assert "".join(read.shown_as("seen")[1:]) == "a" + "律" * 5_998 + "z"
    assert "… 14,002 characters …" in read.shown_as("gap")


def test_dropped_rows_are_shown_with_place_and_cut_to_300_characters() -> None:
    row = {
        "file": "a.json",
        "line": "#3",
        "reason": "wrong_type",
        "detail": say("is empty"),
        "row": {"律": "x" * 400},
    }
    read = Page(build_data_page(make_sheet(dropped=[row]), "zh"))
    assert "a.json:#3" in read.text and "为空" in read.text
    assert read.shown_as("raw")[0] == json.dumps(row["row"], ensure_ascii=False)[:300]
    assert "……另有 109 个字符" in read.shown_as("gap")
    assert "共 26 行，此处列出前 1 行" in read.text


def test_pairs_beyond_a_hundred_are_counted() -> None:
    pairs = [make_pair(item=i) for i in range(130)]
    near = {**make_near(), "pairs": pairs, "pairs_in_all": 150}
    html = build_data_page(changed(make_sheet(contamination=None), near=near))
    assert html.count("t.json:91") == 100 and "50 more pairs" in html


def test_items_found_of_a_benchmark_are_listed_each_once() -> None:
    found = {**make_near(), "pairs": [make_pair(item=i, set=s) for i in (9, 2, 9) for s in ("train", "test")]}
    text = Page(build_data_page(make_sheet(contamination={"1-2.json": found}))).text
    assert "Items, counted from 0: 2, 9\n" in text
    assert data_tables.items({"pairs": [make_pair(item=i) for i in range(1200)]})[1] == 200


def test_a_benchmark_of_which_nothing_is_found_is_said_to_be_clean() -> None:
    found = {"asked": 500, "found": 0, "found_in_training": 0, "rows": 0, "pairs": [], "pairs_in_all": 0}
    html = build_data_page(changed(make_sheet(contamination={"3-6.json": found}), near=None))
    assert "0 of 500 items are found" in html and "t.json:91" not in html


def test_findings_are_said_in_the_readers_language() -> None:
    words = say("{n} rows are bad, and training would stop: mend them, or set data.on_bad_row: drop.", n=3)
    plain = {"code": "refusal", "count": 3, "message": words.text(), "examples": []}
    told = words.text("zh")
    by_warning = data_tables.findings({"kept": 30, "findings": [plain]}, [words], "zh")
    by_record = data_tables.findings({"kept": 30, "findings": [{**plain, **words.to_dict()}]}, [], "zh")
    alone = data_tables.findings({"kept": 30, "findings": [plain]}, [], "zh")
    assert [f.message for found in (by_warning, by_record, alone) for f in found] == [
        told,
        told,
        words.text(),
    ]
    assert by_warning[0].share == 0.1 and by_warning[0].meaning == FINDINGS["refusal"]


def test_a_finding_of_a_newer_version_is_shown_without_a_meaning() -> None:
    finding = {"code": "from_the_future", "count": 5, "message": "5 rows are odd", "examples": []}
    text = Page(build_data_page(changed(make_clean(), findings=[finding]))).text
    assert "from_the_future" in text and "5 rows are odd" in text


def test_cut_answers_come_with_the_two_ways_out() -> None:
    text = Page(build_data_page(make_sheet())).text
    assert "raise data.max_tokens, or set data.on_long: drop" in text
    assert "The longest row has 399 tokens." in text
    assert "raise data.max_tokens, or" not in Page(build_data_page(changed(make_sheet(), cut=0))).text


def test_a_limit_out_of_sight_is_said() -> None:
    sheet = make_sheet(max_tokens=32_768, lengths=length_bins([100, 120], 32_768))
    assert "data.max_tokens = 32,768 lies outside the picture." in Page(build_data_page(sheet)).text


def test_a_large_sheet_makes_a_page_that_fits_in_a_mail() -> None:
    row = {"file": "a", "line": 1, "reason": "bad_json", "detail": "x", "row": "律" * 100_000}
    long = Preview("f:1", 99_999, 1, (Part("律" * 100_000, "seen"), Part("律" * 100_000, "trained")))
    pairs = [make_pair(item=i) for i in range(10_000)]
    near = {**make_near(), "pairs": pairs, "pairs_in_all": 10_000}
    sheet = make_sheet(dropped=[row] * 50, previews=[long] * 10, contamination={"b": near})
    assert len(build_data_page(changed(sheet, near=near)).encode()) < 1e6


# ---------------------------------------------------------------------------------------- to a file


def test_the_written_page_is_the_built_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    assert write_data_page(make_sheet(), path, "zh") == path
    assert path.read_text("utf-8") == build_data_page(make_sheet(), "zh")


def test_a_page_that_cannot_be_written_asks_for_another_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError) as caught:
        write_data_page(make_clean(), tmp_path / "file" / "page.html")
    assert caught.value.exit_code == EXIT_RESOURCE
    assert "next: choose another place" in caught.value.text()
