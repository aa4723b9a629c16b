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
from loralab.engine import decoding_cache
from loralab.engine.decoding import Limits, greedy_answers, shared_length
from loralab.engine.decoding_cache import Cache, make_reader
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
    model: Any,
    prompts: Sequence[Sequence[int]],
    stop: Sequence[int] = (),
    limit: int = NEW_TOKENS,
    num_rows: int = 8,
) -> list[tuple[list[int], bool]]:
    """The ids of each answer and whether a token ended it, in the order of the prompts."""
    limits = Limits(num_rows, limit, frozenset(stop))
    answers = sorted(greedy_answers(make_reader(model), prompts, limits, lambda: None), key=lambda a: a.index)
    assert [answer.index for answer in answers] == list(range(len(prompts)))
    return [(list(answer.ids), answer.finish_reason == "stop") for answer in answers]


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


@pytest.mark.parametrize("num_rows", [1, 2, 8])
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
    num_rows: int,
) -> None:
    monkeypatch.setattr(decoding_cache, name, value)
    answers = ids_of(decode(with_adapter("qwen2"), PROMPTS, limit=limit, num_rows=num_rows))
    assert answers == [ids[:limit] for ids in expected]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each forward how many tokens of prompts were read, and how many answers went on."""
    seen: list[tuple[int, int]] = []
    forward = Cache._forward

    def counted(self: Cache, pieces: Any, newest: Any) -> list[int]:
        seen.append((sum(len(piece.ids) for piece in pieces), len(newest)))
        return forward(self, pieces, newest)

    monkeypatch.setattr(Cache, "_forward", counted)
    return seen


def test_a_row_that_has_ended_is_not_computed_any_more(
    with_adapter: Callable[[str], Any], lines: list[tuple[int, int]]
) -> None:
    model = with_adapter("qwen3")
    free = [reference(model, p, limit=NEW_TOKENS) for p in APART]
    answers = decode(model, APART, [free[0][2]])
    made = [len(ids) + stopped for ids, stopped in answers]
    assert min(made) < max(made) == NEW_TOKENS
    assert lines[1:] == [(0, sum(n > step for n in made)) for step in range(1, NEW_TOKENS)]


@pytest.mark.parametrize("num_rows", [1, 2, 3])
def test_where_an_answer_has_ended_the_next_prompt_is_read_in_the_same_products(
    with_adapter: Callable[[str], Any], lines: list[tuple[int, int]], num_rows: int
) -> None:
    model = with_adapter("qwen2")
    free = [reference(model, p, limit=20) for p in PROMPTS]
    stop = [free[0][4]]
    answers = decode(model, PROMPTS, stop, 20, num_rows)
    assert answers == [until(ids, set(stop)) for ids in free]
    made = [len(ids) + stopped for ids, stopped in answers]
    # each token of an answer takes one place in one forward: its first one the prompt's, the others their own
    assert sum(going for _, going in lines) == sum(made) - len(made)
    assert sum(read for read, _ in lines) == sum(map(len, PROMPTS)) - (len(PROMPTS) - 1) * len(SHARED)
    ends = list(made[:num_rows])  # of each row, the forward after which its place is free
    for count in made[num_rows:]:
        place = min(range(num_rows), key=lambda i: (ends[i], -i))
        ends[place] += count
    assert len(lines) == max(ends), "no place stays empty while a prompt waits"


def test_a_value_that_is_not_finite_does_not_reach_the_answer_that_takes_its_place(
    with_adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, spoilt = with_adapter("qwen2"), []
    clear = Cache.clear

    def spoil_and_clear(self: Cache, row: int, start: int) -> None:
        import torch

        with torch.inference_mode():
            self.held[:, :, row, :, start:] = torch.inf
        spoilt.append(row)
        clear(self, row, start)

    monkeypatch.setattr(Cache, "clear", spoil_and_clear)
    assert ids_of(decode(model, PROMPTS, num_rows=2)) == [
        reference(model, p, limit=NEW_TOKENS) for p in PROMPTS
    ]
    assert len(spoilt) == len(PROMPTS) - 2


def test_what_all_prompts_begin_with_is_read_once(
    with_adapter: Callable[[str], Any], lines: list[tuple[int, int]]
) -> None:
    decode(with_adapter("qwen2"), PROMPTS, limit=1)
    assert sum(read for read, _ in lines) == sum(map(len, PROMPTS)) - (len(PROMPTS) - 1) * len(SHARED)


def test_the_time_of_all_answers_is_shared_among_them(
    with_adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("loralab.engine.decoding.time.monotonic", lambda: next(clock))
    limits, steps = Limits(2, 3, frozenset()), []
    answers = list(
        greedy_answers(make_reader(with_adapter("qwen2")), PROMPTS, limits, lambda: steps.append(0))
    )
    assert sum(answer.seconds for answer in answers) == pytest.approx(len(steps))
    assert {answer.seconds for answer in answers} == {1.5, 3.0}, "the last one was alone"


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
def test_as_much_is_shared_as_all_begin_with_but_never_a_whole_prompt(
    beginning: list[int], rests: list[list[int]]
) -> None:
    prompts = [beginning + rest for rest in rests]
    shared = shared_length(prompts)
    assert {tuple(prompt[:shared]) for prompt in prompts} == {tuple(prompts[0][:shared])}
    assert shared < min(map(len, prompts))
    if len(prompts) > 1:
        parting = {tuple(prompt[: shared + 1]) for prompt in prompts}
        assert len(parting) > 1 or min(map(len, prompts)) == shared + 1
    else:
        assert shared == 0
