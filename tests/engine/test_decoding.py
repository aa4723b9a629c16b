"""Decoding by a model's weights: the tokens of Hugging Face's `generate`, for every family, whatever the layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.families import FAMILIES, make_base
from doubles.greedy import reference
from doubles.tuned import PAD, fill_b
from loralab.config import Config
from loralab.engine import decoding
from loralab.engine.decoding import cut_prompts, greedy_answers, make_reader
from loralab.engine.generate import LocalGenerator
from loralab.model.adapter import add_adapter, trainable
from loralab.model.load import quiet

NEW_TOKENS = 5
SHARED = [7, 200, 31, 99, 12]
# what all begin with, and rests of different lengths; the second prompt is the beginning of the third
PROMPTS = [
    [*SHARED, 5], [*SHARED, 8, 1], [*SHARED, 8, 1, *range(40, 63)], [*SHARED, *range(100, 131)], [*SHARED, 250, 3],
]  # fmt: skip
APART = [[3], [9, 2, 250], list(range(60, 90)), [1, 1]]


@pytest.fixture(scope="module")
def with_adapter(engine_config: Callable[..., Config]) -> Callable[[str], Any]:
    """A family's model with an adapter whose B is not zero, made once."""
    made: dict[str, Any] = {}

    def make(family: str) -> Any:
        if family not in made:
            config = engine_config()
            with quiet():
                made[family] = add_adapter(make_base(family), config.lora, 0).eval()
            fill_b(made[family])
        return made[family]

    return make


def decode(
    model: Any, prompts: Sequence[Sequence[int]], stop: Sequence[int] = (), limit: int = NEW_TOKENS
) -> list[tuple[list[int], bool]]:
    return greedy_answers(make_reader(model), prompts, limit, set(stop), lambda: None)


def until(ids: list[int], stop: set[int]) -> tuple[list[int], bool]:
    """What is left of an answer if these tokens stop it, and whether one does."""
    place = next((i for i, token in enumerate(ids) if token in stop), None)
    return ids[:place], place is not None


def ids_of(answers: list[tuple[list[int], bool]]) -> list[list[int]]:
    return [ids for ids, _ in answers]


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_are_those_of_generate_row_by_row(with_adapter: Callable[[str], Any], family: str) -> None:
    model = with_adapter(family)
    assert LocalGenerator(model, "cpu", PAD, 8).why_forward(100) is None
    for prompts in (PROMPTS, APART):
        free = [reference(model, p, limit=NEW_TOKENS) for p in prompts]
        assert ids_of(decode(model, prompts)) == free
        assert ids_of(decode(model, prompts[:1])) == free[:1]
        stop = {free[0][3], free[-1][0]}
        assert decode(model, prompts, sorted(stop)) == [until(ids, stop) for ids in free]


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama-biases"])
def test_a_bare_model_is_read_apart_too(family: str) -> None:
    model = make_base(family)
    assert LocalGenerator(model, "cpu", PAD, 8).why_forward(100) is None
    assert ids_of(decode(model, PROMPTS)) == [reference(model, p, limit=NEW_TOKENS) for p in PROMPTS]


@pytest.fixture(scope="module")
def expected(with_adapter: Callable[[str], Any]) -> list[list[int]]:
    """20 tokens for each prompt."""
    answers = [reference(with_adapter("qwen2"), p, limit=20) for p in PROMPTS]
    assert len({tuple(ids) for ids in answers}) > 1, "the model must give different answers"
    return answers


@pytest.mark.parametrize("limit", [1, 2, 20])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MORE_SLOTS", 1),
        ("BUDGET_TOKENS", 3),
        ("BUDGET_TOKENS", 30),
        ("can_pack", lambda device, dtype: False),
    ],
)
def test_tokens_do_not_depend_on_how_the_work_is_cut(
    with_adapter: Callable[[str], Any],
    expected: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: Any,
    limit: int,
) -> None:
    monkeypatch.setattr(decoding, name, value)
    answers = ids_of(decode(with_adapter("qwen2"), PROMPTS, limit=limit))
    assert answers == [ids[:limit] for ids in expected]


def test_a_row_that_has_ended_is_not_computed_any_more(
    with_adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, widths = with_adapter("qwen3"), []
    step = decoding._next_tokens

    def counted(reader: Any, tokens: Any, places: Any, cache: Any) -> list[int]:
        widths.append(len(tokens))
        return step(reader, tokens, places, cache)

    monkeypatch.setattr(decoding, "_next_tokens", counted)
    free = [reference(model, p, limit=NEW_TOKENS) for p in APART]
    answers = decode(model, APART, [free[0][2]])
    made = [len(ids) + stopped for ids, stopped in answers]
    assert min(made) < max(made) == NEW_TOKENS
    assert widths == [sum(n > step for n in made) for step in range(1, NEW_TOKENS)]


def test_what_all_prompts_begin_with_is_read_once(
    with_adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    pieces_of = decoding._read_pieces

    def counted(reader: Any, pieces: Any, cache: Any) -> list[int]:
        read.append(sum(len(piece.ids) for piece in pieces))
        return pieces_of(reader, pieces, cache)

    monkeypatch.setattr(decoding, "_read_pieces", counted)
    decode(with_adapter("qwen2"), PROMPTS, limit=1)
    assert sum(read) == sum(map(len, PROMPTS)) - (len(PROMPTS) - 1) * len(SHARED)


def test_a_prompt_asked_twice_is_answered_twice(with_adapter: Callable[[str], Any]) -> None:
    model = with_adapter("llama")
    assert ids_of(decode(model, [PROMPTS[3]] * 3)) == [reference(model, PROMPTS[3], limit=NEW_TOKENS)] * 3


def test_an_adapter_that_has_changed_answers_by_its_new_weights(engine_config: Callable[..., Config]) -> None:
    with quiet():
        model = add_adapter(make_base("qwen2"), engine_config().lora, 0).eval()
    generator = LocalGenerator(model, "cpu", PAD, 8)

    def answers() -> list[list[int]]:
        return [list(a.ids) for a in generator.generate(PROMPTS, NEW_TOKENS, [], lambda: None)]

    silent = answers()
    fill_b(model)
    loud = answers()
    assert loud != silent and loud == [reference(model, p, limit=NEW_TOKENS) for p in PROMPTS]
    with model.disable_adapter():
        assert generator.why_forward(50) is not None and answers() == silent
    assert all(p.grad is None for p in trainable(model).values())


@pytest.mark.parametrize(
    ("family", "dtype", "longest", "said"),
    [
        ("qwen2", "bfloat16", 50, "cpu bfloat16"),
        ("mistral-window", "float32", 401, "looks back 400 tokens"),
    ],
)
def test_what_is_not_computed_here_goes_through_the_models_forward(
    family: str, dtype: str, longest: int, said: str
) -> None:
    model = make_base(family, dtype)
    words = LocalGenerator(model, "cpu", PAD, 8).why_forward(longest)
    assert words is not None and said in words.text()
    answers = LocalGenerator(model, "cpu", PAD, 1).generate(PROMPTS[:2], 3, [], lambda: None)
    assert [list(a.ids) for a in answers] == [reference(model, p, limit=3) for p in PROMPTS[:2]]


@given(
    st.lists(st.integers(0, 2), max_size=4),
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_pieces_are_the_prompts_cut_where_they_part(beginning: list[int], rests: list[list[int]]) -> None:
    prompts = [beginning + rest for rest in rests]
    pieces = cut_prompts(prompts)
    shared, own = pieces[: len(pieces) - len(prompts)], pieces[-len(prompts) :]
    start = list(shared[0].ids) if shared else []
    assert [start + list(piece.ids) for piece in own] == prompts
    assert all(piece.ids and piece.start == len(start) for piece in own)
    assert [(piece.first, piece.end) for piece in own] == [(i, i + 1) for i in range(len(prompts))]
    assert all((piece.first, piece.end, piece.start) == (0, len(prompts), 0) for piece in shared)
    if len(prompts) > 1:  # as much as all of them begin with, but never a whole prompt
        parting = {tuple(prompt[: len(start) + 1]) for prompt in prompts}
        assert len(parting) > 1 or min(map(len, prompts)) == len(start) + 1
