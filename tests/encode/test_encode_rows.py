"""Rows against the token limit: cut, dropped or refused, and counted."""

from __future__ import annotations

from typing import Any

import chat_templates as t
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config.schema import DataConfig
from loralab.data.conversation import Conversation, Message
from loralab.data.rows import PROBES, TRAIN, Rows, RowTable
from loralab.encode import encode_rows, read_template
from loralab.encode.encode import Encoded
from loralab.encode.rows import EncodedRows
from loralab.errors import EXIT_USAGE, UsageError

TEMPLATE = read_template(t.tokenizer())
FRAME = (
    len("user\n") + len("\n") + len("assistant\n") + 4
)  # tokens of the template around a question, to the answer's end


def talk(question: int, answer: int) -> Conversation:
    return Conversation((Message("user", "q" * question), Message("assistant", "a" * answer)))


def rows(pairs: list[tuple[int, int]]) -> Rows:
    return Rows.of([talk(q, a) for q, a in pairs])


def encoded(pairs: list[tuple[int, int]], **settings: Any) -> EncodedRows:
    return encode_rows(rows(pairs), TEMPLATE, DataConfig(**settings))


def kept(result: EncodedRows) -> list[Encoded]:
    return [result.of(row.index) for row in result.kept]


PAIRS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=8)


@given(PAIRS, st.integers(1, 80), st.sampled_from(["cut", "drop", "error"]))
def test_every_row_is_kept_or_dropped_and_fits(
    pairs: list[tuple[int, int]], limit: int, on_long: str
) -> None:
    result = encoded(pairs, max_tokens=limit, on_long=on_long)
    assert len(result.kept) + len(result.dropped) == len(pairs)
    assert all(len(e.ids) <= limit and e.label_tokens for e in kept(result))
    assert {d.reason for d in result.dropped} <= {"no_label_token" if on_long == "cut" else "too_long"}
    cut, counts = result.cut(result.kept), result.token_counts(result.kept)
    assert not len(cut) or on_long == "cut"
    assert counts is not None and counts.cut == len(cut)
    assert counts.to_dict()["label_total"] == sum(e.label_tokens for e in kept(result))
    whole = encode_rows(rows(pairs), TEMPLATE, DataConfig(max_tokens=1000))
    lost = [whole.of(row.index).label_tokens - result.of(row.index).label_tokens for row in result.kept]
    assert counts.cut_labels == sum(lost)
    assert counts.cut_ends == sum(1 for row in cut if whole.of(row.index).ids[-1] == TEMPLATE.end_id)
    lines = list(result.cut_lines(result.kept))
    assert [line["id"] for line in lines] == [row.id for row in cut]
    assert sum(line["lost_label_tokens"] for line in lines) == counts.cut_labels


@pytest.mark.parametrize(
    ("limit", "label_tokens", "cut"),
    [(FRAME + 15, 11, 0), (FRAME + 14, 10, 1), (FRAME + 5, 1, 1), (FRAME + 4, 0, 0)],
)
def test_the_question_is_kept_whole_and_the_answer_cut(limit: int, label_tokens: int, cut: int) -> None:
    result = encoded([(5, 10)], max_tokens=limit)
    assert len(result.cut(result.kept)) == cut
    if label_tokens:
        (only,) = kept(result)
        assert only.label_tokens == label_tokens
        assert (only.ids[-1] == TEMPLATE.end_id) == (not cut)
    else:
        assert [d.reason for d in result.dropped] == ["no_label_token"]


def test_a_dropped_row_has_its_place_and_text() -> None:
    (gone,) = encoded([(5, 10)], max_tokens=3, on_long="drop").dropped
    assert (gone.file, gone.place) == ("memory", "memory:1")
    assert gone.row() == rows([(5, 10)])[0].plain()


def test_the_system_prompt_is_encoded_with_rows_that_have_none() -> None:
    without, with_system = encoded([(1, 1)]), encoded([(1, 1)], system="s")
    (short,), (long,) = kept(without), kept(with_system)
    assert len(long.ids) - len(short.ids) == len("system\ns\n") + 2
    assert without.kept.ids() == with_system.kept.ids()


def test_a_special_token_in_data_system_is_not_blamed_on_the_rows() -> None:
    settings = {"system": f"be brief {TEMPLATE.end_text}"}
    with pytest.raises(UsageError) as caught:
        encoded([(1, 1), (2, 2)], **settings)
    (problem,) = caught.value.problems
    assert problem.where == "data.system" and TEMPLATE.end_text in str(problem.what)
    assert caught.value.exit_code == EXIT_USAGE
    as_text = encoded([(1, 1), (2, 2)], **settings, special_tokens="text")
    assert len(as_text.kept) == 2 and not as_text.dropped


def test_a_template_without_a_system_role() -> None:
    template = read_template(t.tokenizer(t.NO_SYSTEM))
    with pytest.raises(UsageError, match="System role not supported"):
        encode_rows(rows([(1, 1)]), template, DataConfig(system="s"))
    both = Rows.of([talk(1, 1), talk(1, 1).with_system("s")])
    result = encode_rows(both, template, DataConfig())
    assert [r.id for r in result.kept] == [both[0].id]
    assert [(d.place, d.reason) for d in result.dropped] == [("memory:2", "role_order")]


def test_a_probe_may_lack_its_answer_and_no_other_row() -> None:
    table = RowTable(0)
    table.files.append("f")
    for part in (TRAIN, PROBES):
        table.add(Conversation((Message("user", "q"),)), "", position=0, part=part)
    result = encode_rows(table.rows(), TEMPLATE, DataConfig())
    assert [row.index for row in result.kept] == [1]


def test_a_probe_is_never_too_long(probe_rows: Rows) -> None:
    """A probe with an answer was dropped where its question alone filled the limit."""
    for on_long in ("cut", "drop"):
        result = encode_rows(probe_rows, TEMPLATE, DataConfig(max_tokens=5, on_long=on_long))
        assert len(result.kept) == 1 and not result.dropped


def test_a_cut_row_is_listed_with_its_line() -> None:
    result = encoded([(1, 1), (1, 60)], max_tokens=40)
    assert [(line["line"], line["kept_tokens"]) for line in result.cut_lines(result.kept)] == [(2, 40)]


@pytest.fixture
def probe_rows() -> Rows:
    table = RowTable(0)
    table.files.append("f")
    table.add(talk(60, 3), "", position=0, part=PROBES)
    return table.rows()


def test_no_other_row_may_lack_its_answer() -> None:
    table = RowTable(0)
    table.files.append("f")
    table.add(Conversation((Message("user", "q"),)), "", position=0)
    result = encode_rows(table.rows(), TEMPLATE, DataConfig())
    assert [d.reason for d in result.dropped] == ["no_answer_turn"]


def test_the_last_answer_alone_may_be_trained_on() -> None:
    two = Conversation((*talk(1, 3).messages, *talk(2, 5).messages))
    every, last = (
        encode_rows(Rows.of([two]), TEMPLATE, DataConfig(train_turns=turns)).of(0)
        for turns in ("all", "last")
    )
    assert every.ids == last.ids
    assert (every.label_tokens, last.label_tokens) == (3 + 1 + 5 + 1, 5 + 1)
