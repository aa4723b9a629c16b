"""LexEval's 23 tasks: its JSON-lines files in, accuracy or ROUGE-L as its official scorer gives them out.

Source: code/evaluation/{evaluate,process}.py and code/generation/model_gen.py of CSHaitao/LexEval.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from loralab.data.conversation import Conversation, Message
from loralab.data.record import Record
from loralab.evaluate.rouge import words
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.choice import majority, read_letters, set_f1
from loralab.evaluate.tasks.rows import any_text, convert, own_id, read_records, text

LEVELS = {
    1: 3,
    2: 5,
    3: 6,
    4: 2,
    5: 4,
    6: 3,
}  # level: number of its tasks; those of level 5 are answered in text
GENERATION = 5
OPTIONS = "ABCDE"
ENDINGS = {"5_1": "摘要:", "5_2": "裁判分析过程:", "5_3": "翻译结果:"}
OTHER_ENDING = "答案:"

# ----------------------------------------------------------------------------------------------- letters

_EXPLANATION = re.compile("解析|分析")
_SEPARATORS = str.maketrans("", "", "、.,;，和")
_RUNS = re.compile("[ABCDE]{1,5}")


def extract(reply: str) -> str:
    """The letters of a reply up to its explanation, each once, in order of appearance.

    Letters that stand together count only if none of them stands there twice.
    """
    told = _EXPLANATION.split(reply, maxsplit=1)[0].translate(_SEPARATORS)
    runs = [run for run in _RUNS.findall(told) if len(set(run)) == len(run)]
    return "".join(dict.fromkeys("".join(runs)))


def _score_choice(row: Answered) -> RowScore:
    chosen, right = extract(row.answer), frozenset(row.reference)
    lenient = read_letters(row.answer, OPTIONS, single=len(right) == 1)
    return RowScore(
        float(chosen == row.reference),
        abstained=not chosen,
        lenient=float(frozenset(chosen) == right or lenient == right),
        extra={"f1": set_f1(frozenset(chosen), right)},
    )


def score_choices(rows: Sequence[Answered]) -> list[RowScore]:
    """1 where the extracted letters are the gold string, in its order; a reply without letters abstains."""
    return [_score_choice(row) for row in rows]


# ------------------------------------------------------------------------------------------------ ROUGE-L

# the scorer's own list: it lacks 《 and ￥, among others
_CHINESE_MARKS = "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏."
_MARKS = str.maketrans("", "", string.punctuation + _CHINESE_MARKS)
# The package walks back through its table by recursion; from this many steps on, Python's limit of 1000
# frames ends it, and the official scorer gives 0.
DEEPEST = 990


def normalise(answer: str) -> str:
    """A text in lower case, without punctuation, then without white space."""
    return "".join(answer.lower().translate(_MARKS).split())


def _walk(reference: Sequence[str], answer: Sequence[str]) -> tuple[set[str], int]:
    """(words of the longest common subsequence that `rouge` 1.0.1 finds, steps it takes to find it).

    It walks back from both ends, and where both ways are equally long, along the answer. Row j of the table is
    one number: bit i is 0 where the word i of the reference makes the subsequence longer (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for index, word in enumerate(reference):
        places[word] = places.get(word, 0) | (1 << index)
    full = (1 << len(reference)) - 1
    rows = [full]
    for word in answer:
        match = rows[-1] & places.get(word, 0)
        rows.append(((rows[-1] + match) | (rows[-1] - match)) & full)

    def length(i: int, j: int) -> int:
        return i - (rows[j] & ((1 << i) - 1)).bit_count()

    found: set[str] = set()
    i, j, steps = len(reference), len(answer), 0
    while i and j:
        steps += 1
        if reference[i - 1] == answer[j - 1]:
            found.add(reference[i - 1])
            i, j = i - 1, j - 1
        elif length(i - 1, j) > length(i, j - 1):
            i -= 1
        else:
            j -= 1
    return found, steps


def rouge_l(answer: str, reference: str) -> tuple[float, bool]:
    """(ROUGE-L F of `rouge` 1.0.1 over jieba words, whether that package would have come to it).

    It counts different words: with w the set of words of the subsequence, P = |w| / |set(answer)|,
    R = |w| / |set(reference)|, F = 2PR / (P + R + 1e-8). A text of which nothing is left scores 0.
    """
    plain = [normalise(text) for text in (reference, answer)]
    if not all(plain):
        return 0.0, True
    target, hypothesis = map(words, plain)
    common, steps = _walk(target, hypothesis)
    precision, recall = len(common) / len(set(hypothesis)), len(common) / len(set(target))
    return 2.0 * ((precision * recall) / (precision + recall + 1e-8)), steps < DEEPEST


def _score_text(row: Answered) -> RowScore:
    value, finished = rouge_l(row.answer, row.reference)
    return RowScore(
        value if finished else 0.0,
        abstained=not normalise(row.answer),
        lenient=value,
        extra={"zero_for_length": float(not finished)},
    )


def score_texts(rows: Sequence[Answered]) -> list[RowScore]:
    """ROUGE-L F; `lenient` is without the official scorer's 0 for long texts, which `zero_for_length` counts."""
    return [_score_text(row) for row in rows]


# -------------------------------------------------------------------------------------------------- tasks


def _item(number: int, record: Record, ending: str) -> Item:
    asked = text(record, "input")
    prompt = f"{any_text(record, 'instruction')}{asked}\n{ending}"
    return Item(
        own_id(record.value, number),
        Conversation((Message("user", prompt),)),
        asked,
        text(record, "answer"),
    )


def read_questions(path: Path, ending: str) -> list[Item]:
    """The items of a task's file, asked as `instruction + input`, then `ending` on a line of its own.

    Raises DataError with file:line.
    """
    return convert(read_records(path), partial(_item, ending=ending))


def _task(name: str) -> Task:
    read = partial(read_questions, ending=ENDINGS.get(name, OTHER_ENDING))
    if name.startswith(f"{GENERATION}_"):
        return Task(f"lexeval:{name}", "rouge_l", "lexeval-rouge/1", read, score_texts, max_new_tokens=512)
    return Task(f"lexeval:{name}", "accuracy", "lexeval/1", read, score_choices, majority, max_new_tokens=20)


LEXEVAL: dict[str, Task] = {
    f"lexeval:{level}_{number}": _task(f"{level}_{number}")
    for level, count in LEVELS.items()
    for number in range(1, count + 1)
}
