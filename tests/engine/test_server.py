"""Answers of a server: each prompt's own, whatever fails, stalls or overtakes; never an empty one for a failure."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.completions import END, PASSING, QUICK, CompletionsDouble, made_up
from loralab.engine.base import Answer
from loralab.engine.server import ServerGenerator
from loralab.engine.server_address import Address, read_address
from loralab.engine.server_models import Served
from loralab.engine.server_patience import Patience
from loralab.errors import ResourceError, UsageError, UserError

PROMPTS = [[place + 1, 40, *range(place)] for place in range(7)]
LIMIT = 6
EXPECTED = [tuple(made_up(p, LIMIT, [END])) for p in PROMPTS]


def generator_of(
    address: Address, in_flight: int = 3, patience: Patience = QUICK, said: list[str] | None = None
) -> ServerGenerator:
    served = Served(address, "base", "vllm", "0.33.0", False, None)
    return ServerGenerator(
        served, in_flight, patience, lambda words: said.append(str(words)) if said is not None else None
    )


def answers_of(
    double: CompletionsDouble, prompts: Sequence[Sequence[int]] = PROMPTS, **options: Any
) -> list[Answer]:
    """By prompt, whatever the order in which they came."""
    generator = generator_of(read_address(double.url), **options)
    found = list(generator.generate(prompts, LIMIT, [END], lambda: None))
    return sorted(found, key=lambda answer: answer.index)


def check(answers: Sequence[Answer]) -> None:
    """Each answer is that of a server that never fails, and ends as it would have ended here."""
    assert [a.index for a in answers] == list(range(len(PROMPTS)))
    for answer, ids in zip(answers, EXPECTED, strict=True):
        stopped = ids[-1] == END
        assert answer.finish_reason == ("stop" if stopped else "length")
        assert answer.ids == (ids[:-1] if stopped else ids)


def test_answers_of_both_kinds_are_among_those_that_are_expected() -> None:
    assert {ids[-1] == END for ids in EXPECTED} == {True, False} and len(set(EXPECTED)) == len(EXPECTED)


FAULTS = st.lists(
    st.lists(st.sampled_from([*PASSING, None]), max_size=QUICK.tries - 1),
    min_size=len(PROMPTS), max_size=len(PROMPTS),
)  # fmt: skip


@settings(max_examples=25)
@given(faults=FAULTS, in_flight=st.integers(1, 9))
def test_failures_below_the_limit_and_any_order_change_nothing(
    faults: list[list[str | None]], in_flight: int
) -> None:
    planned = {tuple(prompt): list(kinds) for prompt, kinds in zip(PROMPTS, faults, strict=True)}

    def fault(prompt: Sequence[int], number: int) -> str | None:
        kinds = planned[tuple(prompt)]
        return kinds[number] if number < len(kinds) else None

    said: list[str] = []
    with CompletionsDouble(faults=fault) as double:
        check(answers_of(double, in_flight=in_flight, said=said))
    failed = sum(double.seen.values()) - len(PROMPTS)
    total = [words for words in said if words.startswith(f"{failed} requests to the server failed")]
    assert len(total) == (failed > 0), "every failure is counted, and nothing is said of none"
    assert double.most_under_way <= in_flight


def test_as_many_requests_are_under_way_as_were_asked_for() -> None:
    together = threading.Barrier(4, timeout=10)

    def answer(prompt: Sequence[int], limit: int, stop_ids: Sequence[int]) -> list[int]:
        together.wait()
        return made_up(prompt, limit, stop_ids)

    with CompletionsDouble(answer) as double:
        assert len(answers_of(double, [*PROMPTS, [200]], in_flight=4)) == 8
    assert double.most_under_way == 4


def test_an_answer_that_overtakes_another_comes_first() -> None:
    overtaken = threading.Event()

    def answer(prompt: Sequence[int], limit: int, stop_ids: Sequence[int]) -> list[int]:
        if prompt == PROMPTS[0]:
            assert overtaken.wait(10)
        return made_up(prompt, limit, stop_ids)

    with CompletionsDouble(answer) as double:
        order = []
        for found in generator_of(read_address(double.url)).generate(PROMPTS, LIMIT, [END], lambda: None):
            order.append(found.index)
            if len(order) == len(PROMPTS) - 1:
                overtaken.set()
    assert order[-1] == 0 and sorted(order) == list(range(len(PROMPTS)))


def test_what_is_sent_is_greedy_and_leaves_nothing_to_the_servers_own_settings() -> None:
    with CompletionsDouble() as double:
        answers_of(double, PROMPTS[:1])
    (body,) = double.asked
    assert body == {
        "model": "base", "prompt": PROMPTS[0], "max_tokens": LIMIT, "stop_token_ids": [END], "temperature": 0,
        "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "n": 1, "stream": False,
        "return_token_ids": True,
    }  # fmt: skip
    assert not any("Authorization" in headers for _, headers, _ in double.requests)


@pytest.mark.parametrize("closes", [True, False])
def test_a_server_that_never_fails_is_asked_each_prompt_once(closes: bool) -> None:
    said: list[str] = []
    with CompletionsDouble(closes=closes) as double:
        check(answers_of(double, said=said))
    assert set(double.seen.values()) == {1} and said == []


def test_no_prompts_have_no_answers() -> None:
    generator = generator_of(Address("http", "127.0.0.1", 9))
    assert list(generator.generate([], LIMIT, [END], lambda: None)) == []


def test_a_server_that_goes_on_after_a_stop_token_is_cut_where_the_answer_ends() -> None:
    def longer(prompt: Sequence[int], limit: int, stop_ids: Sequence[int]) -> list[int]:
        ids = made_up(prompt, limit, stop_ids)
        return [*ids, *range(1, limit)][:limit]

    with CompletionsDouble(longer) as double:
        check(answers_of(double))


# ----------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("kind", [*(k for k in PASSING if k != "late"), "500", "502", "408"])
def test_a_question_that_keeps_failing_ends_everything_with_its_reason(kind: str) -> None:
    def fault(prompt: Sequence[int], number: int) -> str | None:
        return kind if list(prompt) == PROMPTS[2] else None

    with CompletionsDouble(faults=fault) as double, pytest.raises(ResourceError) as failed:
        answers_of(double)
    assert double.seen[tuple(PROMPTS[2])] == QUICK.tries
    assert f"in {QUICK.tries} tries" in str(failed.value) and double.url in str(failed.value)
    assert "asks only what is missing" in str(failed.value)


def test_what_has_arrived_comes_before_the_error() -> None:
    others = threading.Event()

    def answer(prompt: Sequence[int], limit: int, stop_ids: Sequence[int]) -> list[int]:
        others.set()
        return made_up(prompt, limit, stop_ids)

    def fault(prompt: Sequence[int], number: int) -> str | None:
        if list(prompt) != PROMPTS[1]:
            return None
        assert others.wait(10)
        return "400"

    found: list[Answer] = []
    with CompletionsDouble(answer, fault) as double, pytest.raises(UsageError):
        found.extend(generator_of(read_address(double.url), 1).generate(PROMPTS, LIMIT, [END], lambda: None))
    assert [a.index for a in found] == [0]


@pytest.mark.parametrize("status", ["400", "401", "404", "422"])
def test_a_refused_request_is_not_sent_again_and_the_servers_words_are_shown(status: str) -> None:
    with CompletionsDouble(faults=lambda prompt, number: status) as double:
        with pytest.raises(UsageError, match=f"HTTP {status}: as told"):
            answers_of(double, in_flight=1)
        assert len(double.asked) == 1


def test_a_redirect_is_not_followed() -> None:
    with CompletionsDouble(faults=lambda prompt, number: "307") as double:
        with pytest.raises(UsageError, match="HTTP 307"):
            answers_of(double, in_flight=1)
        assert len(double.asked) == 1


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    with CompletionsDouble(faults=lambda prompt, number: "429") as double:
        with pytest.raises(ResourceError, match="a pause of 9999 s"):
            answers_of(double, in_flight=1)
        assert len(double.asked) == 1


def test_a_request_that_stalls_is_given_up_and_sent_again() -> None:
    def fault(prompt: Sequence[int], number: int) -> str | None:
        return "stalled" if list(prompt) == PROMPTS[3] and number == 0 else None

    said: list[str] = []
    with CompletionsDouble(faults=fault) as double:
        check(answers_of(double, patience=replace(QUICK, answer_seconds=0.5), said=said))
    assert said[0].startswith("the server failed (no whole answer within 0.5 s)")


def test_nobody_at_the_address_is_a_resource_error_after_some_tries() -> None:
    with CompletionsDouble() as double:
        address = read_address(double.url)
    with pytest.raises(ResourceError, match="in 4 tries: Connection refused"):
        list(generator_of(address).generate(PROMPTS, LIMIT, [END], lambda: None))


def test_failures_are_told_at_once_without_escape_codes() -> None:
    def fault(prompt: Sequence[int], number: int) -> str | None:
        return "busy" if number < 2 else None

    said: list[str] = []
    with CompletionsDouble(faults=fault) as double:
        check(answers_of(double, said=said))
    assert said[0].startswith(
        "the server failed (HTTP 503: too many requests); the question is sent again in 0.0 s"
    )
    assert said[1:] == ["14 requests to the server failed and were sent again"]


@pytest.mark.parametrize("end", ["closed", "broken off"])
def test_requests_under_way_are_broken_off_when_nobody_waits_any_more(end: str) -> None:
    def tick() -> None:
        if end == "broken off" and double.under_way == 3:
            raise KeyboardInterrupt

    def fault(prompt: Sequence[int], number: int) -> str | None:
        return "stalled" if list(prompt) != PROMPTS[0] else None

    before = set(threading.enumerate())
    with CompletionsDouble(faults=fault) as double:
        answers = generator_of(read_address(double.url), 3).generate(PROMPTS, LIMIT, [END], tick)
        if end == "closed":
            assert next(answers).index == 0
            answers.close()
        else:
            with pytest.raises(KeyboardInterrupt):
                list(answers)
        left = {t for t in threading.enumerate() if t not in before and "_answer" in t.name}
        assert left == set()


CHANGES: list[tuple[dict[str, Any], dict[str, Any], type[UserError], str]] = [
    ({}, {"model": "law"}, UsageError, "the answer is of 'law'"),
    ({}, {"model": None}, UsageError, "the answer is of 'None'"),
    ({}, {"choices": []}, UsageError, "no completion with one choice"),
    ({"token_ids": None}, {}, UsageError, "sends no token ids"),
    ({"token_ids": [1, True]}, {}, UsageError, "sends no token ids"),
    ({"prompt_token_ids": [1]}, {}, UsageError, "read another prompt"),
    ({"finish_reason": "abort"}, {}, ResourceError, "'abort'"),
    ({"finish_reason": None}, {}, ResourceError, "'None'"),
    ({"finish_reason": "stop", "matched_stop": "NaN happened", "stop_reason": "NaN happened"}, {}, ResourceError, "NaN happened"),
    ({"finish_reason": "length", "token_ids": [1, 2]}, {}, ResourceError, "after 2 of 6 tokens"),
    ({"finish_reason": "length", "token_ids": [1] * 7}, {}, ResourceError, "sent 7 tokens, 6 were asked for"),
    ({"finish_reason": "stop", "token_ids": [1, 9]}, {}, ResourceError, "at the token 9"),
    ({"finish_reason": "stop", "token_ids": [1, 9], "stop_reason": 77}, {}, ResourceError, "at the token 77"),
]  # fmt: skip


@pytest.mark.parametrize(("choice", "whole", "kind", "words"), CHANGES)
def test_an_answer_that_cannot_be_the_right_one_is_an_error_at_once(
    choice: dict[str, Any], whole: dict[str, Any], kind: type[UserError], words: str
) -> None:
    with CompletionsDouble(changes=choice, whole=whole) as double:
        with pytest.raises(kind, match=words):
            answers_of(double, in_flight=1)
        assert len(double.asked) == 1


def test_a_stop_token_that_the_server_left_out_but_named_ends_an_answer() -> None:
    change = {"finish_reason": "stop", "token_ids": [1, 9], "matched_stop": END}
    with CompletionsDouble(changes=change) as double:
        found = answers_of(double, PROMPTS[:1])
    assert [(a.ids, a.finish_reason) for a in found] == [((1, 9), "stop")]
