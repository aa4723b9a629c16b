"""DISC-Law-Eval, objective part: exam CSV files in, exact-set accuracy as its official scorer gives it out.

Source: McqRegexEvaluator in eval/src/eval.py of FudanDISC/DISC-LawLLM, whose expressions are kept in their order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from loralab.data.conversation import Conversation, Message
from loralab.data.record import Record
from loralab.errors import DataError, Problem
from loralab.evaluate.tasks.base import Answered, Item, RowScore, Task
from loralab.evaluate.tasks.choice import majority, options_text, read_letters, set_f1
from loralab.evaluate.tasks.rows import any_text, convert, own_id, read_records, text
from loralab.words import say

OPTIONS = "ABCD"
SHORT = 10  # characters: a shorter reply is its own answer
SHOTS = 4
KINDS = {"single": "单项", "multiple": "多项"}
EXAMPLES = {"single": "mcq_sing_examples.csv", "multiple": "mcq_mult_examples.csv"}
PLACES = ("", "few_shot", "../few_shot", "../../few_shot", "../../src/few_shot")  # from the questions' folder

# @ stands for a run of letters and what separates them. The first of these that is found anywhere in a reply
# decides, by its first match; then letters with a dot; then the first of JUDGED, by all of its matches.
RUN = r"[ABCD,，、\s]"
STATED = (
    "答案应?该?[为是]@", "答案是@", "选项应?该?[是为]@", "答案@", r"答案应该?选\s?@", "选择@", "故?选[:：]?@",
    "选择答案@", r"^\s*选@[,，项．.]", "@</s>", "^@。",
)  # fmt: skip
JUDGED = (
    "@都?是正确的", "选项@正确", "@选项正确", r"@\s?都?[是为]正确答案", r"@\s?都?[是为]正确选项",
    r"@\s?选?项?都?属于[^错不]",
)  # fmt: skip


def _compiled(pattern: str) -> re.Pattern[str]:
    """The expression; one that starts with a run is tried where a run starts, or behind a match before it, alone.

    It matches nowhere else, and an answer that is one endless run takes no time.
    """
    start = f"(?:(?<!{RUN})|(?<=属于{RUN}))" if pattern.startswith("@") else ""
    return re.compile(start + pattern.replace("@", f"({RUN}+)"))


_STATED, _JUDGED = ([_compiled(pattern) for pattern in patterns] for patterns in (STATED, JUDGED))
_LISTED = re.compile(r"[ABCD][.．]")


def extract(reply: str) -> str:
    """The part of a reply in which the official scorer looks for letters."""
    if len(reply) < SHORT:
        return reply
    for pattern in _STATED:
        if found := pattern.search(reply):
            return found[1]
    for pattern in (_LISTED, *_JUDGED):
        if matches := pattern.findall(reply):
            return "".join(matches)
    return reply


def _score_row(row: Answered) -> RowScore:
    right = frozenset(row.reference)
    chosen = frozenset(extract(row.answer)) & frozenset(OPTIONS)
    lenient = read_letters(row.answer, OPTIONS, single=len(right) == 1)
    return RowScore(
        float(chosen == right),
        abstained=not chosen,
        lenient=float(right in (chosen, lenient)),
        extra={"f1": set_f1(chosen, right), "chose_all": float(len(chosen) == len(OPTIONS))},
    )


def score(rows: Sequence[Answered]) -> list[RowScore]:
    """1 where the extracted letters are exactly the gold ones; a reply with no letter A-D extracted abstains.

    `f1` is that of the two sets; `chose_all` is 1 for a reply of all four letters, which guesses well on exams
    with several right options.
    """
    return [_score_row(row) for row in rows]


def find_examples(questions: Path, kind: str) -> Path | None:
    """The few-shot file of this kind beside a question file or in a folder `few_shot` near it; None without one."""
    places = (questions.parent / place / EXAMPLES[kind] for place in PLACES)
    return next((path for path in places if path.is_file()), None)


def _introduction(kind: str, examples: Path | None) -> tuple[str, int]:
    """(what stands before the question, how many examples it shows)."""
    head = f"以下是一道{KINDS[kind]}选择题，不需要做任何分析和解释，直接输出答案选项。"
    if examples is None:
        return f"{head}\n\n", 0
    shown = convert(read_records(examples)[:SHOTS], lambda _, r: (text(r, "input"), text(r, "output")))
    blocks = [f"{head}\n下面给出了{len(shown)}个样例，按照此样例输出答案。"]
    blocks += [f"问题：{question}\n答案：{answer}" for question, answer in shown]
    return "\n\n".join(blocks) + "\n\n下面是问题：\n", len(shown)


def _item(number: int, record: Record, kind: str, introduction: str, shots: int) -> Item:
    question = text(record, "input")
    several = str(record.value.get("multichoice") or "").strip().lower()
    if several in ("true", "false") and (several == "true") != (kind == "multiple"):
        other = next(k for k in KINDS if k != kind)
        what = say("is a question of the task {task}", task=f"disc:{other}")
        raise DataError(
            Problem(what, record.place, next=say("score it with --task {task}", task=f"disc:{other}"))
        )
    choices = {letter: any_text(record, letter) for letter in OPTIONS}
    prompt = f"{introduction}{question}\n{options_text(choices)}\n答案："
    return Item(
        own_id(record.value, number),
        Conversation((Message("user", prompt),)),
        question,
        text(record, "output"),
        {"choices": choices, "shots": shots},
    )


def read_questions(path: Path, kind: str, examples: Path | None = None) -> list[Item]:
    """The items of an exam file of `kind` single or multiple, asked with four examples as the benchmark does.

    Examples come from `examples`, or from the file that `find_examples` finds; without one the question is asked
    alone. `shots` in an item's data says how many were shown. Raises DataError with file:line.
    """
    introduction, shots = _introduction(kind, examples or find_examples(path, kind))
    make = partial(_item, kind=kind, introduction=introduction, shots=shots)
    return convert(read_records(path), make)


DISC: dict[str, Task] = {
    name: Task(
        name, "accuracy", "disc/1", partial(read_questions, kind=kind), score, majority, max_new_tokens=16
    )
    for kind in KINDS
    for name in (f"disc:{kind}",)
}
