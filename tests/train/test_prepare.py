"""The data of a run from a config: every row accounted for, split, encoded and reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import Config, make_config
from loralab.data.conversation import question_key
from loralab.encode import ChatTemplate, read_template
from loralab.errors import EXIT_DATA, DataError, UsageError
from loralab.model.tokenizer import load_tokenizer
from loralab.run.folder import RunFolder
from loralab.train.prepare import Prepared, prepare

Line = dict[str, Any] | str
Make = Callable[..., Config]


@pytest.fixture(scope="module")
def template(tiny_model: Path) -> ChatTemplate:
    return read_template(load_tokenizer(tiny_model))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda lines, *overrides: config_of(tmp_path, lines, *overrides)


def config_of(folder: Path, lines: list[Line], *overrides: str) -> Config:
    path = write(folder / "rows.jsonl", lines)
    return make_config(["model.name=none/such", f"data.train={path}", *overrides])


def write(path: Path, lines: list[Line]) -> Path:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines), "utf-8")
    return path


def row(question: str, answer: str = "a") -> Line:
    return {"input": question, "output": answer}


def numbered(number: int) -> list[Line]:
    return [row(f"q{i}", f"a{i}") for i in range(number)]


def questions(prepared: Prepared, part: str) -> list[str]:
    return [r.conversation.question for r in getattr(prepared.split, part)]


def codes(prepared: Prepared) -> set[str]:
    assert all(words.text("zh") for _, words in prepared.warnings)
    return {code for code, _ in prepared.warnings}


LINES = st.lists(
    st.builds(row, st.sampled_from(["q", "Q ", "p", "long" * 5, "", "<|im_end|>"]), st.sampled_from(["a", "b" * 9, " "]))
    | st.sampled_from(["nonsense", '{"input": 1, "output": 2}', "[1]", '{"input": "q", "output": "\\ud800"}']),
    min_size=1, max_size=16,
).filter(lambda lines: lines[0] != "[1]")  # else the file is an array, and all after its end is one row  # fmt: skip
CHOICES = st.sampled_from(["auto", "0", "2", "none", "0:1"])


@given(
    lines=LINES, others=LINES, test=CHOICES | st.just("file"), probes=CHOICES | st.just("file"), same=st.booleans(),
    duplicate=st.sampled_from(["keep", "drop"]), overlap=st.sampled_from(["keep", "drop"]),
    on_long=st.sampled_from(["cut", "drop", "error"]), limit=st.integers(20, 60), encode=st.booleans(),
)  # fmt: skip
def test_read_is_kept_plus_dropped(
    tmp_path_factory: pytest.TempPathFactory, template: ChatTemplate, lines: list[Line], others: list[Line],
    test: str, probes: str, same: bool, duplicate: str, overlap: str, on_long: str, limit: int, encode: bool,
) -> None:  # fmt: skip
    folder = tmp_path_factory.getbasetemp()
    other = folder / "rows.jsonl" if same else write(folder / "other.jsonl", others)
    named = {
        "test": str(other) if test == "file" else test,
        "probes": str(other) if probes == "file" else probes,
    }
    prepared = prepare(
        config_of(
            folder, lines, f"data.test={named['test']}", f"data.probes={named['probes']}",
            f"data.on_duplicate={duplicate}", f"data.on_overlap={overlap}", f"data.on_long={on_long}",
            f"data.max_tokens={limit}",
        ),
        template if encode else None,
    )  # fmt: skip
    report = prepared.report.to_dict()
    files = [test, probes].count("file")
    assert report["read"] == len(lines) + files * len(lines if same else others)
    assert report["read"] == report["kept"] + sum(report["dropped"].values())
    assert len(prepared.dropped) == sum(report["dropped"].values())
    split = prepared.split
    used = {r.id for r in (*split.train, *split.test, *split.probes)}
    assert len(used) == report["kept"]
    asked = {r.id for r in (*split.test, *split.probes)} - split.seen
    assert not asked & {r.id for r in split.train}
    if overlap == "drop":
        keys = {question_key(r.conversation) for r in (*split.test, *split.probes) if r.id not in split.seen}
        assert not keys & {question_key(r.conversation) for r in split.train}
    if encode:
        lengths = [len(prepared.tokens_of(r.index).ids) for r in prepared.kept]
        answered = [bool(r.conversation.answer) for r in prepared.kept]  # a probe may lack its answer
        assert all(bool(n) == has and n <= limit for n, has in zip(lengths, answered, strict=True))
        assert report["tokens"]["total"] == sum(lengths)
        assert prepared.encoded.largest_id() < len(template.tokenizer)
    assert codes(prepared) or report["kept"] == report["read"]


def test_the_reference_job(make: Make, template: ChatTemplate) -> None:
    config = make(numbered(5300), "data.rows=0:5000", "data.probes=0:5", "data.test=5000:5200")
    prepared = prepare(config, template)
    assert questions(prepared, "train") == [f"q{i}" for i in range(5, 5000)]
    assert questions(prepared, "probes") == [f"q{i}" for i in range(5)]
    assert questions(prepared, "test") == [f"q{i}" for i in range(5000, 5200)]
    assert (prepared.report.read, prepared.report.kept) == (5200, 5200)
    assert [q.set for q in prepared.questions] == ["probe"] * 5 + ["test"] * 20
    prepared.refuse(config.data)
    prepared.refuse_without_training_rows()
    assert codes(prepared) == set()
    rows = prepared.token_rows(prepared.split.train[:2])
    assert [r.encoded for r in rows] == [prepared.tokens_of(r.index) for r in prepared.split.train[:2]]


def test_files_for_test_and_probes(make: Make, tmp_path: Path) -> None:
    test, probes = (
        write(tmp_path / "t.jsonl", [row("t"), row("q3")]),
        write(tmp_path / "p.jsonl", [row("q4", "z")]),
    )
    prepared = prepare(make(numbered(10), f"data.test={test}", f"data.probes={probes}"), None)
    assert questions(prepared, "test") == ["t", "q3"]
    assert questions(prepared, "probes") == ["q4"]
    assert questions(prepared, "train") == [f"q{i}" for i in range(10) if i not in (3, 4)]
    assert prepared.report.dropped == {"overlaps_test": 2}
    assert [f.rows for f in prepared.report.files] == [10, 2, 1]


def test_a_test_file_that_is_the_training_file_leaves_nothing_to_train_on(make: Make, tmp_path: Path) -> None:
    config = make(numbered(6), f"data.test={tmp_path / 'rows.jsonl'}", "data.probes=0")
    prepared = prepare(config, None)
    assert (prepared.report.read, prepared.report.kept) == (12, 6)
    assert len(questions(prepared, "test")) == 6
    with pytest.raises(DataError, match="no row is left to train on; dropped: overlaps_test 6"):
        prepared.refuse_without_training_rows()


def test_a_file_that_is_named_twice_is_duplicates(make: Make, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", numbered(6))
    twice = f"data.train=[{path}, {path}]"
    kept = prepare(make(numbered(6), twice, "data.test=1", "data.probes=0"), None)
    assert (kept.report.kept, kept.report.duplicates) == (12, 6)
    assert "duplicates" in codes(kept)
    ids = [r.id for r in (*kept.split.train, *kept.split.test)]
    assert len(set(ids)) == 12
    dropped = prepare(make(numbered(6), twice, "data.on_duplicate=drop", "data.probes=0"), None)
    assert dropped.report.dropped == {"duplicate": 6}
    assert [d.place for d in dropped.dropped] == [f"{path}:{n}" for n in range(1, 7)]


@pytest.mark.parametrize("where", ["file", "slice"])
def test_a_test_row_that_is_a_training_row_too_stays_a_test_row(
    make: Make, tmp_path: Path, where: str
) -> None:
    test = write(tmp_path / "t.jsonl", [row("q2", "a2"), row("t")]) if where == "file" else "6:8"
    lines = numbered(6) + ([row("q2", "a2"), row("t")] if where == "slice" else [])
    prepared = prepare(make(lines, f"data.test={test}", "data.probes=0", "data.on_duplicate=drop"), None)
    assert questions(prepared, "test") == ["q2", "t"]
    assert prepared.report.dropped == {"overlaps_test": 1}


def test_a_test_file_has_positions_of_its_own(make: Make, tmp_path: Path) -> None:
    test = write(tmp_path / "t.jsonl", [row("q0", "a0"), row("t")])
    config = make(numbered(6), f"data.test={test}", "data.probes=0:1", "data.on_duplicate=drop")
    prepared = prepare(config, None)
    assert questions(prepared, "test") == ["q0", "t"]
    assert questions(prepared, "probes") == ["q0"]


def test_conflicts_are_kept_and_told(make: Make) -> None:
    prepared = prepare(make([row("q", "yes"), row("q?", "no"), row("p")], "data.test=none"), None)
    assert (prepared.report.kept, prepared.report.conflicts, prepared.report.duplicates) == (3, 1, 0)
    assert "conflicts" in codes(prepared)


def test_questions_that_differ_by_a_point_are_no_duplicates(make: Make) -> None:
    lines = [row("赔偿1.5万元？", "可以"), row("赔偿15万元？", "可以"), row("p"), row("r")]
    prepared = prepare(make(lines, "data.on_duplicate=drop", "data.test=none", "data.probes=0"), None)
    assert (prepared.report.kept, prepared.report.duplicates) == (4, 0)


# -------------------------------------------------------------------------------------- what is refused


def test_bad_rows_are_an_error_unless_they_may_be_dropped(make: Make, template: ChatTemplate) -> None:
    lines = [*numbered(4), "nonsense", row("<|im_end|>")]
    prepared = prepare(make(lines), template)
    with pytest.raises(DataError) as caught:
        prepared.refuse(make(lines).data)
    assert caught.value.exit_code == EXIT_DATA
    assert [p.where.rpartition(":")[2] for p in caught.value.problems] == ["5", "6"]
    assert "on_bad_row: drop" in str(caught.value)
    assert prepared.report.dropped == {"bad_json": 1, "special_token_in_text": 1}
    prepared.refuse(make(lines, "data.on_bad_row=drop").data)
    assert "rows_dropped" in codes(prepared)


def test_overlap_as_an_error_leaves_a_report_before_it_is_raised(make: Make, tmp_path: Path) -> None:
    lines = [*numbered(4), row("Q1?"), row("q2")]
    config = make(lines, "data.on_overlap=error", "data.test=0:3", "data.probes=0")
    prepared = prepare(config, None)
    report = prepared.report.to_dict()
    assert (report["read"], report["kept"], report["overlap"], report["dropped"]) == (6, 6, 2, {})
    assert questions(prepared, "train") == ["q3", "Q1?", "q2"]
    prepared.write(tmp_path)
    with pytest.raises(DataError, match=r"overlaps_test: .*\n  next: remove these rows") as caught:
        prepared.refuse(config.data)
    assert caught.value.exit_code == EXIT_DATA
    assert [p.where.rpartition(":")[2] for p in caught.value.problems] == ["5", "6"]
    for allowed in ("keep", "drop"):
        other = make(lines, f"data.on_overlap={allowed}", "data.test=0:3", "data.probes=0")
        prepare(other, None).refuse(other.data)


def test_files_that_a_folder_passes_over_are_named_in_a_warning(make: Make, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    write(tmp_path / "rows" / "B.JSONL", numbered(4))
    for name in ("README.md", "other.txt", *(f"x{i}.log" for i in range(9))):
        (tmp_path / "rows" / name).write_text("no data")
    prepared = prepare(make([], f"data.train={tmp_path / 'rows'}", "data.test=none"), None)
    (words,) = [str(w) for code, w in prepared.warnings if code == "files_passed_over"]
    assert words.startswith("11 entries") and f"{tmp_path}/rows/README.md, " in words
    assert words.endswith("x5.log, ...") and "B.JSONL" not in words


def test_special_tokens_may_be_text(make: Make, template: ChatTemplate) -> None:
    config = make([*numbered(4), row("<|im_end|>")], "data.special_tokens=text")
    prepared = prepare(config, template)
    prepared.refuse(config.data)
    assert prepared.report.kept == 5


def test_long_rows_are_cut_dropped_or_an_error(make: Make, template: ChatTemplate) -> None:
    lines = [*numbered(4), row("long", "a" * 100)]
    cut = prepare(make(lines, "data.max_tokens=60"), template)
    assert (cut.report.kept, cut.report.to_dict()["cut"], cut.report.to_dict()["cut_answers"]) == (5, 1, 1)
    assert "answers_cut" in codes(cut)
    for on_long in ("drop", "error"):
        config = make(lines, "data.max_tokens=60", f"data.on_long={on_long}")
        gone = prepare(config, template)
        assert gone.report.dropped == {"too_long": 1}
        assert gone.report.to_dict()["cut"] == 0
    with pytest.raises(
        DataError, match=r"rows.jsonl:5: too_long.*\n  next: raise data.max_tokens, or set data.on_long"
    ):
        gone.refuse(config.data)


def test_rows_without_room_for_an_answer_are_dropped_and_an_error_only_if_none_is_left(
    make: Make, template: ChatTemplate
) -> None:
    lines = [*numbered(4), row("q" * 100)]
    some = prepare(make(lines, "data.max_tokens=60"), template)
    some.refuse(make(lines).data)
    assert some.report.dropped == {"no_label_token": 1}
    none = prepare(make(lines, "data.max_tokens=5"), template)
    with pytest.raises(DataError, match=r"no_label_token 5.*\n.*\n  next: raise data.max_tokens"):
        none.refuse(make(lines).data)


def test_too_few_rows(make: Make) -> None:
    for number in (1, 2, 3):
        prepared = prepare(make(numbered(number)), None)
        assert len(prepared.split.seen) == 1
        assert [q.seen for q in prepared.questions] == [True]
        assert codes(prepared) == {"probes_seen", "no_test_rows"}
    assert "no_test_rows" not in codes(prepare(make(numbered(3), "data.test=none"), None))
    assert "no_training_rows" in codes(prepare(make(numbered(3), "data.test=3", "data.probes=0"), None))


def test_paths_and_slices_that_do_not_exist(make: Make) -> None:
    with pytest.raises(UsageError, match="no such data file"):
        prepare(make(numbered(3), "data.test=no.jsonl"), None)
    with pytest.raises(DataError, match=r"data.test is 5:9, but the files hold 3 rows"):
        prepare(make(numbered(3), "data.test=5:9"), None)


def test_many_unused_keys_do_not_fill_the_screen(make: Make) -> None:
    lines: list[Line] = [{"input": f"q{i}", "output": "a", f"key{i}": 1, "id": i} for i in range(50)]
    (words,) = [str(w) for code, w in prepare(make(lines), None).warnings if code == "keys_unused"]
    assert "id (50), " in words
    assert words.count("key") == 8  # "keys of the rows", and seven of them
    assert words.endswith(", ...")


def test_what_check_says_is_what_an_epoch_trains(make: Make, tmp_path: Path, template: ChatTemplate) -> None:
    """Rows that a number of rows leaves out were searched for asked questions, and counted as trained on."""
    asked = "租赁合同到期以后房东一直不退还押金并且已经联系不上了应当怎么办"
    big = write(tmp_path / "big.jsonl", [row(f"{asked}第{i}次") for i in range(8)])
    test = write(tmp_path / "t.jsonl", [row(asked)])
    mixture = f"data.train=[{{path: {tmp_path / 'rows.jsonl'}}}, {{path: {big}, rows: 1}}]"
    config = make(numbered(6), mixture, f"data.test={test}", "data.probes=0")
    prepared = prepare(config, template)
    assert len(prepared.epoch) == 7 and len(prepared.split.train) == 14
    assert prepared.report.more["near"]["rows"] == 1
    assert sorted(prepared.sets().values()) == ["test", *["train"] * 7, *["unused"] * 7]
    assert prepared.near == set(prepared.split.test.ids())
    none = make(
        numbered(6), f"data.train=[{{path: {tmp_path / 'rows.jsonl'}, weight: 0.001}}]", "data.test=none"
    )
    empty = prepare(none, template)
    assert {"no_training_rows", "no_rows_of_source"} <= codes(empty)
    with pytest.raises(DataError, match=r"left out by data\.train's weights"):
        empty.refuse_without_training_rows()


def test_a_source_with_fewer_rows_than_asked_for_is_told(make: Make, tmp_path: Path) -> None:
    prepared = prepare(make(numbered(6), f"data.train=[{{path: {tmp_path / 'rows.jsonl'}, rows: 50}}]"), None)
    assert "fewer_rows" in codes(prepared)


def test_a_field_that_no_row_has_is_told(make: Make) -> None:
    fields = "data.fields={question: input, answer: output, system: nosuch}"
    assert "fields_absent" in codes(prepare(make(numbered(6), fields), None))
    assert "fields_absent" not in codes(prepare(make(numbered(6)), None))


def test_questions_that_stand_in_many_rows_are_held_out_as_a_whole(make: Make) -> None:
    """No test row was taken, and the reason given was that there were too few rows."""
    lines = [row(f"q{i % 4}", f"a{i}") for i in range(24)]
    prepared = prepare(make(lines, "data.test=2", "data.probes=0"), None)
    assert len(prepared.split.test) == 6 and len(set(questions(prepared, "test"))) == 1
    assert "other_number" in codes(prepared) and not prepared.split.seen


def test_files_without_rows_are_named(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    path.write_text("[]")
    config = make([], f"data.train={path}")
    with pytest.raises(DataError, match=r"none\.json: holds no rows"):
        prepare(config, None).refuse(config.data)


def test_a_file_of_which_rows_were_not_read_is_refused_in_any_case(make: Make, tmp_path: Path) -> None:
    """Training went on with the rows before the fault."""
    path = tmp_path / "broken.json"
    good = json.dumps(row("q"))
    path.write_text(f"[\n{good},\n{{broken,\n{good},\n{good}\n]")
    config = make([], f"data.train={path}", "data.on_bad_row=drop")
    with pytest.raises(DataError, match="mend the file"):
        prepare(config, None).refuse(config.data)


# --------------------------------------------------------------------------------------------- the record


def test_what_is_written(make: Make, template: ChatTemplate, tmp_path: Path) -> None:
    lines = [*numbered(8), "nonsense", '{"input": "q", "output": "\\ud800"}']
    prepared = prepare(make(lines), template)
    folder = RunFolder(tmp_path / "run")
    prepared.write(folder.data)
    report = json.loads((folder.data / "report.json").read_text("utf-8"))
    dropped = [json.loads(line) for line in (folder.data / "dropped.jsonl").read_text("utf-8").splitlines()]
    split = json.loads((folder.data / "split.json").read_text("utf-8"))
    assert report == prepared.report.to_dict()
    assert set(report) == {
        "files", "read", "kept", "repaired", "dropped", "cut", "cut_answers", "duplicates", "conflicts", "overlap",
        "unused_keys", "tokens", "findings", "near",
    }  # fmt: skip
    assert [(d["line"], d["reason"]) for d in dropped] == [(9, "bad_json"), (10, "bad_unicode")]
    assert split == prepared.split_ids()
    assert len(split["train"]) + len(split["test"]) + len(split["probes"]) == report["kept"] == 8


def test_ids_and_questions_do_not_depend_on_the_order_of_rows(make: Make, template: ChatTemplate) -> None:
    lines = numbered(60)
    one, two = prepare(make(lines), template), prepare(make(lines[::-1]), template)
    for part in ("train", "test", "probes"):
        assert set(questions(one, part)) == set(questions(two, part))
        assert {r.id for r in getattr(one.split, part)} == {r.id for r in getattr(two.split, part)}
    tokens = [{r.id: p.tokens_of(r.index) for r in p.kept} for p in (one, two)]
    assert tokens[0] == tokens[1]
