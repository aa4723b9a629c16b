"""Rows against the token limit: cut, dropped or refused, and counted."""

from __future__ import annotations

from typing import Any

import chat_templates as t
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config.schema import DataConfig
from loralab.data.conversation import Conversation, Message, Row, content_id, number_copies
from loralab.encode import encode_rows, read_template
from loralab.errors import EXIT_USAGE, UsageError

TEMPLATE = read_template(t.tokenizer())
FRAME = (
    len("user\n") + len("\n") + len("assistant\n") + 4
)  # tokens of the template around a question, to the answer's end


def rows(pairs: list[tuple[int, int]]) -> list[Row]:
    talks = [Conversation((Message("user", "q" * q), Message("assistant", "a" * a))) for q, a in pairs]
    return number_copies(Row(content_id(talk), talk, "f", f"f:{at}", at) for at, talk in enumerate(talks, 1))


def encoded(pairs: list[tuple[int, int]], **settings: Any) -> Any:
    return encode_rows(rows(pairs), TEMPLATE, DataConfig(**settings))


PAIRS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=8)


@given(PAIRS, st.integers(1, 80), st.sampled_from(["cut", "drop", "error"]))
def test_every_row_is_kept_or_dropped_and_fits(
    pairs: list[tuple[int, int]], limit: int, on_long: str
) -> None:
    result = encoded(pairs, max_tokens=limit, on_long=on_long)
    assert len(result.kept) + len(result.dropped) == len(pairs)
    assert set(result.encoded) == {row.id for row in result.kept}
    assert all(len(e.ids) <= limit and e.label_tokens for e in result.encoded.values())
    assert {d.reason for d in result.dropped} <= {"no_label_token" if on_long == "cut" else "too_long"}
    assert not result.cut or on_long == "cut"
    counts = result.token_counts(result.kept)
    assert counts.cut == counts.cut_answers == len(result.cut)
    assert counts.label_total == sum(e.label_tokens for e in result.encoded.values())


@pytest.mark.parametrize(
    ("limit", "label_tokens", "cut"),
    [(FRAME + 15, 11, 0), (FRAME + 14, 10, 1), (FRAME + 5, 1, 1), (FRAME + 4, 0, 0)],
)
def test_the_question_is_kept_whole_and_the_answer_cut(limit: int, label_tokens: int, cut: int) -> None:
    result = encoded([(5, 10)], max_tokens=limit)
    assert len(result.cut) == cut
    if label_tokens:
        (only,) = result.encoded.values()
        assert only.label_tokens == label_tokens
        assert (only.ids[-1] == TEMPLATE.end_id) == (not cut)
    else:
        assert [d.reason for d in result.dropped] == ["no_label_token"]


def test_a_dropped_row_has_its_place_and_text() -> None:
    (gone,) = encoded([(5, 10)], max_tokens=3, on_long="drop").dropped
    assert (gone.file, gone.place) == ("f", "f:1")
    assert gone.row == rows([(5, 10)])[0].plain()


def test_the_system_prompt_is_encoded_with_rows_that_have_none() -> None:
    without, with_system = encoded([(1, 1)]), encoded([(1, 1)], system="s")
    (short,), (long,) = without.encoded.values(), with_system.encoded.values()
    assert len(long.ids) - len(short.ids) == len("system\ns\n") + 2
    assert set(without.encoded) == set(with_system.encoded)


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
    plain = rows([(1, 1)])
    own = [Row("x", plain[0].conversation.with_system("s"), "f", "f:9", 9)]
    with pytest.raises(UsageError, match="System role not supported"):
        encode_rows(plain, template, DataConfig(system="s"))
    result = encode_rows([*plain, *own], template, DataConfig())
    assert [r.id for r in result.kept] == [plain[0].id]
    assert [(d.place, d.reason) for d in result.dropped] == [("f:9", "role_order")]
