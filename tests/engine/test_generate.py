"""Greedy answers: those of Hugging Face's `generate`, whatever stands beside them in the batch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doubles.greedy import reference
from doubles.tuned import PAD, fill_b
from loralab.config import Config
from loralab.engine.base import Answer
from loralab.engine.generate import LocalGenerator
from loralab.model.load import load_tuned
from loralab.words import say

NEW_TOKENS = 12
Theirs = Callable[..., list[int]]


@pytest.fixture(autouse=True, params=["read apart", "forward"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test here holds for both ways of computing."""
    if request.param == "forward":
        reason = say("the fast engine does not compute {setting}", setting="anything")
        monkeypatch.setattr(LocalGenerator, "why_forward", lambda self, longest_tokens: reason)
    return str(request.param)


@pytest.fixture(scope="module", params=["base", "adapter"])
def model(request: pytest.FixtureRequest, tiny_model: Path, engine_config: Callable[..., Config]) -> Any:
    """The tiny model with larger weights, so that answers vary; its adapter silent, or loud."""
    import torch

    tuned = load_tuned(tiny_model, engine_config(), "cpu")
    generator = torch.Generator().manual_seed(1)
    for name, parameter in tuned.model.named_parameters():
        if parameter.ndim == 2 and "lora" not in name:
            parameter.data = 0.25 * torch.randn(parameter.shape, generator=generator)
    if request.param == "adapter":
        fill_b(tuned.model)
    return tuned.model


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    generator = np.random.default_rng(11)
    return [[int(i) for i in generator.integers(0, 256, n)] for n in (3, 17, 1, 40, 9, 26)]


@pytest.fixture(scope="module")
def theirs(model: Any) -> Theirs:
    """theirs(prompt, stop): Hugging Face's answer, asked for once."""
    ask = cache(lambda prompt, stop: reference(model, prompt, stop))
    return lambda prompt, stop=(): list(ask(tuple(prompt), tuple(stop)))


def answer(
    model: Any,
    prompts: Sequence[Sequence[int]],
    stop: Sequence[int] = (),
    batch_rows: int = 8,
    limit: int = NEW_TOKENS,
) -> list[Answer]:
    """In the order of the prompts."""
    answers = LocalGenerator(model, "cpu", PAD, batch_rows).generate(prompts, limit, stop, lambda: None)
    return sorted(answers, key=lambda a: a.index)


def test_batched_answers_are_those_of_hugging_face_one_by_one(
    model: Any, theirs: Theirs, prompts: list[list[int]]
) -> None:
    expected = [theirs(p) for p in prompts]
    assert len({tuple(e) for e in expected}) == len(prompts), "the model must give different answers"
    for batch_rows in (1, 4, 8):
        answers = answer(model, prompts, batch_rows=batch_rows)
        assert [list(a.ids) for a in answers] == expected
        assert [a.index for a in answers] == list(range(len(prompts)))


def test_a_stop_token_ends_its_own_row_only(model: Any, theirs: Theirs, prompts: list[list[int]]) -> None:
    free = [theirs(p) for p in prompts]
    stop = [free[0][2], free[3][5]]
    answers = answer(model, prompts, stop)
    assert [list(a.ids) for a in answers] == [theirs(p, stop) for p in prompts]
    assert len(answers[0].ids) <= 2 and not {i for a in answers for i in a.ids} & set(stop)
    for found, whole in zip(answers, free, strict=True):
        assert found.finish_reason == ("stop" if set(whole) & set(stop) else "length")


def test_an_answer_ends_at_the_limit_and_says_so(model: Any, prompts: list[list[int]]) -> None:
    answers = answer(model, prompts, limit=5)
    assert {(len(a.ids), a.finish_reason) for a in answers} == {(5, "length")}
    whole = answer(model, prompts)
    assert all(a.ids == w.ids[:5] for a, w in zip(answers, whole, strict=True))


def test_a_first_token_that_stops_gives_an_empty_answer(
    model: Any, theirs: Theirs, prompts: list[list[int]]
) -> None:
    first = theirs(prompts[1])[0]
    assert answer(model, [prompts[1]], [first])[0].ids == ()
    assert answer(model, [prompts[1]], [first])[0].finish_reason == "stop"


def test_generation_ends_early_once_every_row_has_stopped(
    model: Any, theirs: Theirs, prompts: list[list[int]]
) -> None:
    ticks = [0]
    generator = LocalGenerator(model, "cpu", PAD, 8)
    stop = {token for p in prompts for token in theirs(p)[:2]}
    list(generator.generate(prompts, NEW_TOKENS, sorted(stop), lambda: ticks.__setitem__(0, ticks[0] + 1)))
    assert 1 <= ticks[0] <= 2


def test_there_is_a_tick_before_the_tokens_of_each_step(
    model: Any, theirs: Theirs, prompts: list[list[int]], way: str
) -> None:
    ticks = [0]
    stop = [theirs(prompts[0])[2]]
    generator = LocalGenerator(model, "cpu", PAD, 2)
    answers = list(generator.generate(prompts, NEW_TOKENS, stop, lambda: ticks.__setitem__(0, ticks[0] + 1)))
    made = {a.index: len(a.ids) + (a.finish_reason == "stop") for a in answers}
    assert sorted(made) == list(range(len(prompts)))
    if way == "forward":  # a batch ends with its longest answer
        assert ticks[0] == sum(max(made[i], made[i + 1]) for i in range(0, len(made), 2))
    else:  # two are on their way until none is left
        assert sum(made.values()) / 2 <= ticks[0] <= sum(made.values()) / 2 + NEW_TOKENS


@pytest.mark.parametrize("batch_rows", [1, 2])
def test_what_is_known_is_asked_again_only_beside_others(
    model: Any, prompts: list[list[int]], way: str, batch_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loralab.engine.generate.SET_BATCHES", 2)
    together = batch_rows * (2 if way == "read apart" else 1)
    generator = LocalGenerator(model, "cpu", PAD, batch_rows)
    whole = {a.index: a.ids for a in generator.generate(prompts, NEW_TOKENS, [], lambda: None)}
    for known in ({0, 1, 2, 3}, {1, 4, 5}, set(range(len(prompts)))):
        again = {a.index: a.ids for a in generator.generate(prompts, NEW_TOKENS, [], lambda: None, known)}
        sets = [range(len(prompts))[i : i + together] for i in range(0, len(prompts), together)]
        asked = {i for one in sets if not set(one) <= known for i in one}
        assert again == {i: whole[i] for i in asked}


def test_no_prompts_have_no_answers(model: Any) -> None:
    assert answer(model, []) == []


def test_the_way_is_the_one_under_test(model: Any, way: str) -> None:
    assert (LocalGenerator(model, "cpu", PAD, 8).why_forward(100) is None) == (way == "read apart")


def test_the_models_generation_config_is_not_obeyed(
    tiny_model: Path, engine_config: Callable[..., Config], prompts: list[list[int]], tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "sampling")
    (folder / "generation_config.json").write_text(
        '{"do_sample": true, "temperature": 1.9, "repetition_penalty": 9.0, "max_new_tokens": 2, "eos_token_id": [65, 66]}'
    )
    expected = answer(load_tuned(tiny_model, engine_config(), "cpu").model, prompts)
    found = answer(load_tuned(folder, engine_config(), "cpu").model, prompts)
    assert [a.ids for a in found] == [a.ids for a in expected]
    assert {len(a.ids) for a in found} == {NEW_TOKENS}


def test_answering_leaves_no_gradient_and_every_token_is_a_place_to_stop(
    model: Any, prompts: list[list[int]]
) -> None:
    def stop_now() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(LocalGenerator(model, "cpu", PAD, 8).generate(prompts, NEW_TOKENS, [], stop_now))
    answer(model, prompts)
    assert all(p.grad is None for p in model.parameters()) and not model.training
