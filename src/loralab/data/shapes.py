"""Rows of a question and its answer in fields of their own: one function a shape, from row to messages."""

from __future__ import annotations

from loralab.data.converted import Converted, RawRow
from loralab.data.history import read_history
from loralab.data.reasons import BadRow
from loralab.data.text import is_absent, is_blank
from loralab.data.turns import read_turns
from loralab.words import say


def messages(row: RawRow, out: Converted) -> None:
    """{"messages": [{"role", "content"}]}, or turns as ShareGPT writes them."""
    _talk(row, "messages", out)


def conversations(row: RawRow, out: Converted) -> None:
    """{"conversations": [{"from", "value"}]}, or turns as OpenAI writes them."""
    _talk(row, "conversations", out)


def conversation(row: RawRow, out: Converted) -> None:
    """{"conversation": [{"human", "assistant"}]} of ms-swift and Firefly, [{"input", "output"}] of XTuner."""
    _talk(row, "conversation", out)


def alpaca(row: RawRow, out: Converted) -> None:
    """{"instruction", "output"} with optional "input": the question is both, a line end between."""
    _parts(row, ("instruction", "input"), "output", out)


def instruction_response(row: RawRow, out: Converted) -> None:
    """{"instruction", "response"} with optional "input"."""
    _parts(row, ("instruction", "input"), "response", out)


def instruction_context_response(row: RawRow, out: Converted) -> None:
    """{"instruction", "context", "response"} of Dolly: the context follows the instruction."""
    _parts(row, ("instruction", "context"), "response", out)


def instruction_input_answer(row: RawRow, out: Converted) -> None:
    """{"instruction", "input", "answer"} of LexEval."""
    _parts(row, ("instruction", "input"), "answer", out)


def instruction_question_answer(row: RawRow, out: Converted) -> None:
    """{"instruction", "question", "answer"} of LawBench: the question is both, a line end between."""
    if is_absent(row.get("question")):
        raise BadRow("empty_question", say("{name} is empty", name="question"))
    _parts(row, ("instruction", "question"), "answer", out)


def input_output(row: RawRow, out: Converted) -> None:
    """{"input", "output"}."""
    _parts(row, ("input",), "output", out)


def query_response(row: RawRow, out: Converted) -> None:
    """{"query", "response"}."""
    _parts(row, ("query",), "response", out)


def prompt_completion(row: RawRow, out: Converted) -> None:
    """{"prompt", "completion"}, both texts or both lists of turns, as in TRL: the prompt is not trained on."""
    if not isinstance(row.get("prompt"), list):
        _parts(row, ("prompt",), "completion", out)
        return
    out.system(row)
    read_turns(out.take(row, "prompt"), "prompt", out, trained=False)
    if "completion" in row or out.answer:
        read_turns(out.take(row, "completion"), "completion", out)


def prompt_response(row: RawRow, out: Converted) -> None:
    """{"prompt", "response"}."""
    _parts(row, ("prompt",), "response", out)


def question_answer(row: RawRow, out: Converted) -> None:
    """{"question", "answer"}."""
    _parts(row, ("question",), "answer", out)


def _talk(row: RawRow, key: str, out: Converted) -> None:
    out.system(row)
    read_turns(out.take(row, key), key, out)


def _parts(row: RawRow, keys: tuple[str, ...], answer: str, out: Converted) -> None:
    """System message and history, the texts of some keys as one question, the answer; blank texts are left out."""
    out.system(row)
    read_history(row, out)
    texts = [out.text(row, key) for key in keys]
    question = texts[0] if len(texts) == 1 else "\n".join(text for text in texts if not is_blank(text))
    out.ask(question, keys[0])
    out.reply(row, answer)
