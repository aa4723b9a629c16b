"""Rows that say nearly the same: grouped when they do, and never when they do not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from loralab.data.conversation import text_key
from loralab.data.doctor.duplicates import THRESHOLD, WIDTH, Duplicates, find_duplicates

HAN = "甲乙丙丁法院合同租金违约责任赔偿起诉证据时效债权人民应当可以请求依照规定"


def written(random: Random, length: int) -> str:
    return "".join(random.choices(HAN, k=length))


def edited(random: Random, text: str, edits: int) -> str:
    characters = list(text)
    for at in random.sample(range(len(text)), edits):
        characters[at] = random.choice("XYZ")
    return "".join(characters)


def jaccard(one: str, other: str) -> float:
    a, b = ({key[i : i + WIDTH] for i in range(len(key) - WIDTH + 1)} for key in map(text_key, (one, other)))
    return len(a & b) / len(a | b)


def true_groups(texts: Sequence[str]) -> set[frozenset[int]]:
    """Every pair compared."""
    groups = {at: frozenset({at}) for at in range(len(texts))}
    for a in range(len(texts)):
        for b in range(a):
            if groups[a] is not groups[b] and jaccard(texts[a], texts[b]) >= THRESHOLD:
                joined = groups[a] | groups[b]
                groups |= dict.fromkeys(joined, joined)
    return {group for group in groups.values() if len(group) > 1}


def groups(found: Duplicates) -> set[frozenset[int]]:
    return {frozenset(group.rows) for group in found.examples}


@pytest.mark.parametrize("seed", range(5))
def test_the_groups_are_those_of_comparing_every_pair(seed: int) -> None:
    random = Random(seed)
    texts = [written(random, random.randint(40, 200)) for _ in range(40)]
    texts += [
        edited(random, text, random.randint(0, len(text) // 20)) for text in random.choices(texts, k=40)
    ]
    random.shuffle(texts)
    found = find_duplicates(texts, examples=80, rows_shown=80)
    expected = true_groups(texts)
    assert expected and groups(found) == expected
    assert (found.groups, found.extra) == (len(expected), sum(map(len, expected)) - len(expected))


def test_a_few_words_more_or_less_similar_than_the_threshold() -> None:
    text = written(Random(1), 200)
    near, far = edited(Random(1), text, 4), edited(Random(1), text, 12)
    assert jaccard(text, near) > THRESHOLD > jaccard(text, far)
    assert groups(find_duplicates([text, far, near])) == {frozenset({0, 2})}


def test_marks_spaces_and_line_breaks_make_no_difference() -> None:
    text = "押金应当在租赁合同终止后退还，出租人不得以正常损耗为由扣留；承租人可以起诉。"
    assert find_duplicates([text, text.replace("，", ", "), "\n".join(text)]).extra == 2


def test_many_copies_of_a_few_texts_are_a_few_groups() -> None:
    random = Random(2)
    texts = [written(random, 80) for _ in range(4)]
    rows = [edited(random, texts[i % 4], i % 2) for i in range(1200)]
    found = find_duplicates(rows, rows_shown=3)
    assert (found.texts, found.groups, found.extra) == (1200, 4, 1196)
    assert [(group.size, group.rows) for group in found.examples] == [
        (300, (i, i + 4, i + 8)) for i in range(4)
    ]


def test_texts_that_share_an_instruction_are_not_grouped() -> None:
    form = "请根据中华人民共和国民法典的规定回答下列问题，并说明理由和法律依据。"
    texts = [form + written(Random(i), 35) for i in range(300)]
    assert 0.25 < jaccard(texts[0], texts[1]) < THRESHOLD
    assert find_duplicates(texts).groups == 0


def test_short_texts_are_grouped_only_with_their_copies() -> None:
    texts = ["是", "否", "是。", "可以", "", "", "可以的吧", "正确答案"]
    assert groups(find_duplicates(texts)) == {frozenset({0, 2})}


@pytest.mark.parametrize("texts", [[], [""], ["押金"], ["押金", "租金"]])
def test_few_texts_have_no_group(texts: list[str]) -> None:
    assert find_duplicates(texts) == Duplicates(len(texts), 0, 0, ())


def test_the_largest_groups_are_shown_first() -> None:
    texts = [written(Random(i), 50) for size in (2, 4, 3) for i in [size] * size]
    found = find_duplicates(texts, examples=2)
    assert [group.rows for group in found.examples] == [(2, 3, 4, 5), (6, 7, 8)]
    assert (found.groups, found.extra) == (3, 6)
    assert json.loads(json.dumps(found.to_dict()))["examples"][0] == {"size": 4, "rows": [2, 3, 4, 5]}


class Counted(Sequence[str]):
    """Texts that know how often each was read."""

    def __init__(self, texts: list[str]) -> None:
        self.texts, self.reads = texts, Counter[int]()

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        self.reads[at] += 1
        return self.texts[at]


def test_texts_unlike_all_others_are_read_once() -> None:
    random = Random(3)
    texts = Counted([written(random, 120) for _ in range(500)])
    texts.texts[400] = texts.texts[100]
    assert groups(find_duplicates(texts)) == {frozenset({100, 400})}
    assert {at for at, reads in texts.reads.items() if reads > 1} == {100, 400}
    assert len(texts.reads) == 500
