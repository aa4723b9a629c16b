"""A few characters beside a border decide as the whole text does, for the tokenizers that are taken for such."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from doubles.tiny_model import SPECIAL, make_tokenizer
from loralab.demo.job import ASSETS
from loralab.encode.borders import KNOWN, SEAM, Borders, borders_of

END = "<|im_end|>"
MODELS = [Path(folder) for folder in os.environ.get("LORALAB_TEST_MODELS", "").split(os.pathsep) if folder]
BITS = [
    "\n", " ", "a", "be", "S", "'s", "'", ",", ".", "，", "。", "《", "》", "：", "法", "律", "1", "20", "é", "e", "\u0301", "\t",
    "\u3000", "😀", "</", "<|im_", "start|>", "|>", *SPECIAL,
]  # fmt: skip
RUNS = st.builds(
    lambda bit, times: bit * times, st.sampled_from(BITS), st.sampled_from([1, 1, 1, 2, 16, 32, 33])
)
TEXTS = st.lists(RUNS, max_size=30).map("".join)


def trained_on_bits(cut: Callable[[], Any]) -> Any:
    """Merges over the bits above, across spaces, line breaks and punctuation wherever `cut` lets them."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = cut()
    backend.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bits = BITS[: -len(SPECIAL)]
    backend.train_from_iterator([a + b + c for a in bits for b in bits for c in bits], trainer)
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return backend


def byte_level() -> Any:
    from tokenizers import pre_tokenizers

    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def digits() -> Any:
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Sequence([pre_tokenizers.Digits(True), byte_level()])


def cut_by(expression: str) -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(expression), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def with_merges(*merges: tuple[str, str]) -> Any:
    return make_tokenizer(merges).backend_tokenizer


def from_file(path: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


MAKERS: dict[str, Callable[[], Any]] = {
    "byte level": lambda: trained_on_bits(byte_level),
    "digits": lambda: trained_on_bits(digits),
    "merges": lambda: with_merges(("Ċ", "Ċ"), ("a", "b"), ("Ċ", "a")),
    "long runs": lambda: with_merges(*((c * 2**n, c * 2**n) for c in "Ċ.a" for n in range(5))),
    "demo": lambda: from_file(ASSETS / "model" / "tokenizer.json"),
    **{f"expression {n}": partial(trained_on_bits, partial(cut_by, known)) for n, known in enumerate(sorted(KNOWN))},
    **{folder.name: partial(from_file, folder / "tokenizer.json") for folder in MODELS},
}  # fmt: skip


@cache
def backend_of(name: str) -> Any:
    """Made when a test asks for it: every process of the tests reads this file, few run it."""
    return MAKERS[name]()


def borders(backend: Any) -> Borders:
    found = borders_of(backend, END)
    assert found is not None
    return found


def agree(backend: Any, *texts: str) -> bool:
    def ids(text: str) -> list[int]:
        return list(backend.encode(text, add_special_tokens=False).ids)

    return ids("".join(texts)) == [i for text in texts for i in ids(text)]


@pytest.mark.parametrize("name", MAKERS)
@given(left=TEXTS, right=TEXTS)
@example(left="\n", right="\n" + "b" * 30 + ",")
@example(left="\n" * 16, right="\n" * 33 + "b")
@example(left="." * 16, right="." * 33 + "b,")
@example(left="a" * 16, right="a" * 33 + ",")
@example(left="a  ", right="法" * 30 + "，律")
@example(left="<|im_", right="start|>" + "a" * 20 + ", b")
@settings(max_examples=100)
def test_a_window_decides_as_the_whole_text_does(name: str, left: str, right: str) -> None:
    backend = backend_of(name)
    near, far = borders(backend).window(left, right + END)
    decided = not near or not far or agree(backend, near, far)
    assert decided == agree(backend, left, right + END)


@pytest.mark.parametrize("name", MAKERS)
@given(texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3), rest=TEXTS)
def test_the_windows_of_a_text_decide_as_the_whole_does(
    name: str, texts: list[tuple[str, str]], rest: str
) -> None:
    backend = backend_of(name)
    stretches = [(t, trained) for a, b in texts for t, trained in ((a, False), (b + END, True)) if t]
    stretches += [(rest, False)] if rest else []
    windows = borders(backend).windows(stretches)
    whole = agree(backend, *(text for text, _ in stretches))
    assert all(agree(backend, *window) for window in windows) == whole


def test_both_answers_occur() -> None:
    backend = backend_of("byte level")
    assert agree(backend, "a", "\n" + END) and not agree(backend, "a", "be" + END)
    assert borders(backend).window("a", "be, s" + END) == ("a", "be, s")


def test_a_window_is_short_where_there_is_punctuation_and_ends_before_an_added_token() -> None:
    found = borders(backend_of("demo"))
    near, far = found.window(
        "<|im_start|>user\n法<|im_end|>\n<|im_start|>assistant\n", "法律规定，" * 100 + END
    )
    assert near == "assistant\n" and len(far) < 40 and SEAM.search(far + "，", len(far) - 1)
    assert found.window("a", "法律" + END) == ("a", "法律")
    assert found.windows([("<|im_start|>", False), ("a", True), ("b", False)]) == []


def changed(change: Any) -> Any:
    """A tokenizer of the known kind, but for one thing."""
    from tokenizers import Tokenizer

    state = json.loads(backend_of("byte level").to_str())
    change(state)
    return Tokenizer.from_str(json.dumps(state))


def added(**settings: object) -> Any:
    token = {"id": 999, "content": "<x>", "single_word": False, "lstrip": False, "rstrip": False}
    return lambda s: s["added_tokens"].append(
        {**token, "id": max(t["id"] for t in s["added_tokens"]) + 1, "normalized": False, "special": False}
        | settings
    )


@pytest.mark.parametrize(
    "change",
    [
        added(lstrip=True), added(rstrip=True), added(single_word=True), added(normalized=True),
        added(content="|im_end|"), added(content=">a"), added(content="x<"), added(content="<|im_end|><"),
        lambda s: s["model"].update(dropout=0.5),
        lambda s: s.update(normalizer={"type": "Lowercase"}),
        lambda s: s.update(pre_tokenizer=None),
        lambda s: s["pre_tokenizer"].update(add_prefix_space=True),
        lambda s: s["pre_tokenizer"].update(use_regex=False),
        lambda s: s.update(pre_tokenizer={"type": "Whitespace"}),
        lambda s: s.update(pre_tokenizer={"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": r"\s+(?=a)"}, "behavior": "Isolated", "invert": False}]}),
        lambda s: s.update(pre_tokenizer={"type": "Split", "pattern": {"String": "a"}, "behavior": "Isolated", "invert": False}),
        lambda s: s.update(pre_tokenizer={"type": "Split", "pattern": {"Regex": max(KNOWN)}, "behavior": "Removed", "invert": False}),
    ],
)  # fmt: skip
def test_other_kinds_of_tokenizers_are_not_taken_for_one_that_is_known(change: Any) -> None:
    assert borders_of(changed(lambda state: None), END) is not None
    assert borders_of(changed(added()), END) is not None
    assert borders_of(changed(change), END) is None


def test_an_end_without_an_added_token_is_not_known() -> None:
    assert borders_of(backend_of("demo"), f"{END}\n") is None
    assert borders_of(backend_of("demo"), f" .{END}") is not None
