"""Rows of legal data sets whose question has more to it than its text: statutes, references, choices."""

from __future__ import annotations

from string import ascii_uppercase

from loralab.data.conversation import Message
from loralab.data.converted import Converted, RawRow
from loralab.data.history import read_history
from loralab.data.reasons import BadRow
from loralab.data.text import clean_text, is_absent, is_blank
from loralab.words import say

# How the question reads with what belongs to it. The texts stand one a line; where there are none, or all of them
# stand in the question already, the question stands alone.
WITH_LAWS = "{question}\n\n参考法条：\n{texts}"  # the heading under which lawyer-llama's own demo gives its model the laws
WITH_REFERENCE = "{question}\n\n参考信息：\n{texts}"
WITH_CHOICES = "{question}\n{texts}"  # as in the examples of DISC-Law-Eval
CHOICE = "{letter}.{text}"


def query_laws_response(row: RawRow, out: Converted) -> None:
    """{"query", "laws", "response"} of lawyer-llama: the laws follow the question as in `WITH_LAWS`."""
    out.system(row)
    read_history(row, out)
    query = out.text(row, "query")
    if out.messages and out.messages[-1] == Message("user", query):
        out.messages.pop()  # asked already: it is asked again, with the laws
    out.add("user", _joined(WITH_LAWS, query, _texts(row, "laws", out)), "query")
    out.reply(row, "response")


def query_laws_history(row: RawRow, out: Converted) -> None:
    """{"query", "laws", "history"} of lawyer-llama: the history is the talk, and its first turn repeats the query.

    The laws follow this first question as in `WITH_LAWS`.
    """
    out.system(row)
    start = len(out.messages)
    read_history(row, out)
    query = out.text(row, "query")
    question = _joined(WITH_LAWS, query, _texts(row, "laws", out))
    talk = out.messages[start:]
    if not talk:
        out.add("user", question, "query")
    elif talk[0].role == "user":
        if talk[0].content != query:
            raise BadRow("ambiguous", say("the first turn of history is not the query"))
        out.messages[start] = Message("user", question)


def input_reference_output(row: RawRow, out: Converted) -> None:
    """{"input", "reference", "output"} of DISC-Law-SFT Triplet: the reference follows as in `WITH_REFERENCE`."""
    out.system(row)
    read_history(row, out)
    question = _joined(WITH_REFERENCE, out.text(row, "input"), _texts(row, "reference", out))
    out.ask(question, "input")
    out.reply(row, "output")


def input_choices_output(row: RawRow, out: Converted) -> None:
    """{"input", "A", "B", ..., "output"} of DISC-Law-Eval: the choices follow as in `WITH_CHOICES`."""
    _choices(row, "input", "output", out)


def question_choices_answer(row: RawRow, out: Converted) -> None:
    """{"question", "A", "B", ..., "answer"}: the choices follow as in `WITH_CHOICES`."""
    _choices(row, "question", "answer", out)


def _choices(row: RawRow, question: str, answer: str, out: Converted) -> None:
    out.system(row)
    read_history(row, out)
    texts = {letter: out.text(row, letter) for letter in ascii_uppercase if letter in row}
    choices = [CHOICE.format(letter=x, text=text) for x, text in texts.items() if not is_blank(text)]
    out.ask(_joined(WITH_CHOICES, out.text(row, question), choices), question)
    out.reply(row, answer)


def _texts(row: RawRow, key: str, out: Converted) -> list[str]:
    """The texts under a key, which holds a list of them or one."""
    value = out.take(row, key)
    if is_absent(value):
        return []
    items = value if isinstance(value, list) else [value]
    texts = [clean_text(item, key, out.repairs) for item in items]
    return [text for text in texts if not is_blank(text)]


def _joined(template: str, question: str, texts: list[str]) -> str:
    """The question with its texts, unless it holds them already; a blank question stays blank."""
    if is_blank(question) or all(text in question for text in texts):
        return question
    return template.format(question=question, texts="\n".join(texts))
