"""LawBench's tasks: an official task file in, questions out; answers in, the official scores out.

Scores are those of the functions in `evaluation/evaluation_functions/` of open-compass/LawBench at e30981b,
called on one item at a time; their quirks are kept. The mean of the rows is the published score. Left out are
2-1 (its score depends on the speed of the machine), 2-2 (its predictions are in another order than its
questions), 2-6, 2-9 and 2-10 (nothing published that they could be checked against).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from loralab.data.conversation import Conversation, Message
from loralab.data.record import Record
from loralab.errors import DataError, Problem
from loralab.evaluate.tasks.base import Floor, Item, Task, no_floor
from loralab.evaluate.tasks.lawbench_articles import ARTICLE_RULE
from loralab.evaluate.tasks.lawbench_choice import TOPIC_RULE, letter_rule, majority
from loralab.evaluate.tasks.lawbench_numbers import AMOUNT_RULE, TERM_RULE
from loralab.evaluate.tasks.lawbench_rule import Rule, no_reference, score_answers
from loralab.evaluate.tasks.lawbench_sets import CHARGE_RULE, LABEL_RULE
from loralab.evaluate.tasks.lawbench_texts import READING_RULE, RECITE_RULE, ROUGE_RULE
from loralab.evaluate.tasks.rows import convert, read_records, text

VERSION = "1"
FIELDS = ("instruction", "question", "answer")

EXAM = letter_rule("ABCD", "正确答案：B。")
CHOICES = {"1-2": EXAM, "2-4": TOPIC_RULE, "2-8": letter_rule("ABCDE", "[正确答案]D<eoa>"), "3-6": EXAM}
RULES = {
    "1-1": RECITE_RULE,
    "2-3": LABEL_RULE,
    "2-5": READING_RULE,
    "2-7": ROUGE_RULE,
    "3-1": ARTICLE_RULE,
    "3-2": ROUGE_RULE,
    "3-3": CHARGE_RULE,
    "3-4": TERM_RULE,
    "3-5": TERM_RULE,
    "3-7": AMOUNT_RULE,
    "3-8": ROUGE_RULE,
    **CHOICES,
}


def read_questions(path: Path, name: str, rule: Rule) -> list[Item]:
    """The questions of an official task file, a list of {instruction, question, answer}; JSON lines do too.

    Asked is the instruction and, on a new line, the question. The id is the position from 0, as in LawBench's
    prediction files. Raises UsageError if there is no such file, DataError with file:line for every row that is
    no question of the task.
    """
    return convert(read_records(path), partial(_item, name=name, rule=rule))


def _item(number: int, record: Record, name: str, rule: Rule) -> Item:
    instruction, question, answer = (text(record, key) for key in FIELDS)
    if rule.read(answer) is None:
        raise DataError(Problem(no_reference(name, rule, answer), record.place))
    asked = f"{instruction}\n{question}"
    return Item(str(number), Conversation((Message("user", asked),)), asked, answer)


def _task(number: str, rule: Rule) -> Task:
    name = f"lawbench:{number}"
    floor: Floor = partial(majority, rule) if number in CHOICES else no_floor
    return Task(
        name,
        rule.metric,
        VERSION,
        questions=partial(read_questions, name=name, rule=rule),
        score=partial(score_answers, name, rule),
        floor=floor,
        max_new_tokens=rule.max_new_tokens,
    )


LAWBENCH: dict[str, Task] = {f"lawbench:{number}": _task(number, RULES[number]) for number in sorted(RULES)}
