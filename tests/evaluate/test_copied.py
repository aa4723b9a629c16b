"""Which answers stand nearly whole in a training answer, against a plain count of their runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.data.conversation import text_key
from loralab.evaluate import copied as module
from loralab.evaluate.copied import RUN, SHARE, SHORTEST, copied

TEXT = "合同期满以后，出租人应当在三日以内退还押金；逾期不退的，按照约定支付违约金，并赔偿承租人的损失。"
# few different letters, so that runs are shared often
ANSWERS = st.lists(st.text("甲乙 。", max_size=60), max_size=5)


def plain_count(answers: list[str], training: list[str]) -> list[bool]:
    return [any(holds(text_key(text), text_key(answer)) for text in training) for answer in answers]


def holds(text: str, answer: str) -> bool:
    if len(answer) < SHORTEST:
        return False
    own, there = ({key[i : i + RUN] for i in range(len(key) - RUN + 1)} for key in (answer, text))
    return len(own & there) >= SHARE * len(own)


@given(ANSWERS, ANSWERS, st.sampled_from([1, 40, 1 << 18]))
def test_it_is_what_a_plain_count_gives_whatever_the_blocks(
    answers: list[str], training: list[str], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        assert copied(answers, training) == plain_count(answers, training)
        halves = [text[: len(text) // 2] for text in answers], [text[len(text) // 2 :] for text in answers]
        assert copied(answers, [*training, *answers]) == [len(text_key(a)) >= SHORTEST for a in answers]
        parts = [part for pair in zip(*halves, strict=True) for part in pair]
        assert copied(answers, parts) == plain_count(answers, parts), (
            "no run goes over the border of two texts"
        )


@pytest.mark.parametrize(
    ("training", "found"),
    [
        (f"您好！{TEXT}以上供您参考。", True), (TEXT.replace("，", " , "), True), (TEXT[: len(TEXT) * 3 // 4], True),
        (TEXT[: len(TEXT) // 2], False), (TEXT[::-1], False), ("", False),
    ],
)  # fmt: skip
def test_nearly_whole_is_enough_whatever_spaces_and_punctuation(training: str, found: bool) -> None:
    assert copied([TEXT], [training]) == [found]


def test_parts_from_several_training_answers_are_no_copy() -> None:
    half = len(TEXT) // 2
    assert copied([TEXT], [TEXT[:half], TEXT[half:]]) == [False]


def test_short_answers_are_never_copies() -> None:
    assert copied(["依法处理。"], ["依法处理。"]) == [False]


def test_training_answers_are_not_read_when_nothing_could_be_found() -> None:
    def training():  # type: ignore[no-untyped-def]
        raise AssertionError
        yield

    assert copied([], training()) == []
    assert copied(["短"], training()) == [False]
