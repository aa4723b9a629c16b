"""Questions with their answers in, findings out: what in the texts a model should rather not learn."""

from __future__ import annotations

from collections.abc import Iterator

from loralab.data.doctor.findings import Finding, Tally
from loralab.data.doctor.lengths import Lengths
from loralab.data.doctor.patterns import is_odd, is_one_word, markup, mojibake, placeholder, refusal
from loralab.data.doctor.sentences import SharedSentences
from loralab.words import Words, say

CODES = (
    "placeholder_answer", "refusal", "same_as_question", "inside_question", "repeats_question", "cut_answer",
    "one_word_answer", "markup", "mojibake",
)  # fmt: skip
"""Faults of single rows, in the order of findings; `boilerplate`, `short_answer` and `long_answer` come after."""

UNLIKE_MOST = ("inside_question", "cut_answer", "one_word_answer")
MOST = 0.8
QUOTE = 12
SENTENCE = 20

_OPEN_ENDS = ",，、;；:：(（“‘《【—×÷=+"


class TextDoctor:
    """Looks at the last question and answer of each row; of a row without an answer, at its question alone.

    Holds 12 bytes for each row. What most rows have is how the set is made, no fault of a row: one-word answers,
    answers that are quoted from the question, and answers without a mark at their end are findings only where at
    least 80 % of the answers are otherwise.
    """

    def __init__(self) -> None:
        self._tallies = {code: Tally() for code in CODES}
        self._sentences, self._lengths = SharedSentences(), Lengths()
        self._answers = self._sentence_answers = 0

    def look(self, number: int, question: str, answer: str) -> None:
        """Take in one row; its number comes back in examples."""
        if is_odd(answer) or is_odd(question):
            self._odd(number, (answer, question))
        answer = answer.strip()
        if not answer:
            return
        self._answers += 1
        self._lengths.look(number, answer)
        self._sentences.look(number, answer)
        self._say_nothing(number, answer)
        self._beside_question(number, question.strip(), answer)
        self._ending(number, answer)

    def _odd(self, number: int, texts: tuple[str, str]) -> None:
        """Markup and wrong characters in the answer or, if it has none, in the question."""
        for code, find in (("markup", markup), ("mojibake", mojibake)):
            for text in texts:
                if found := find(text):
                    self._tallies[code].add(number, text, *found.span())
                    break

    def _say_nothing(self, number: int, answer: str) -> None:
        if found := placeholder(answer):
            self._tallies["placeholder_answer"].add(number, answer, *found.span())
        if found := refusal(answer):
            self._tallies["refusal"].add(number, answer, *found.span())

    def _beside_question(self, number: int, question: str, answer: str) -> None:
        if answer == question:
            self._tallies["same_as_question"].add(number, answer, 0, len(answer))
        elif len(answer) >= QUOTE and answer in question:
            self._tallies["inside_question"].add(number, answer, 0, len(answer))
        elif len(question) >= QUOTE and answer.startswith(question):
            self._tallies["repeats_question"].add(number, answer, 0, len(question))

    def _ending(self, number: int, answer: str) -> None:
        if len(answer) >= SENTENCE:
            self._sentence_answers += 1
            if answer[-1].isalnum() or answer[-1] in _OPEN_ENDS:
                self._tallies["cut_answer"].add(number, answer, len(answer), len(answer))
        elif is_one_word(answer):
            self._tallies["one_word_answer"].add(number, answer, 0, len(answer))

    def findings(self) -> list[Finding]:
        """What was found so far, always in the same order; nothing is said about what was not found."""
        return [*self._of_rows(), *self._sentences.findings(), *self._lengths.findings()]

    def _of_rows(self) -> Iterator[Finding]:
        for code, tally in self._tallies.items():
            among = self._sentence_answers if code == "cut_answer" else self._answers
            usual = code in UNLIKE_MOST and among - tally.count < MOST * among
            if tally.count and not usual:
                yield Finding(
                    code, tally.count, _words(code, tally.count, tally.found), tuple(tally.examples)
                )


def _words(code: str, n: int, text: str) -> Words:
    return {
        "placeholder_answer": say("{n} answers hold a placeholder that nobody filled in, such as {text}", n=n, text=text),
        "refusal": say("{n} answers refuse, or speak as an AI model: {text}", n=n, text=text),
        "same_as_question": say("{n} answers are the question itself", n=n),
        "inside_question": say("{n} answers stand word for word in their question", n=n),
        "repeats_question": say("{n} answers begin with the whole question", n=n),
        "cut_answer": say("{n} answers seem to be cut off: they stop without a mark, where the others end with one", n=n),
        "one_word_answer": say("{n} answers are a single word, such as {text}, where the others say more", n=n, text=text),
        "markup": say("{n} rows hold HTML tags or entities, such as {text}", n=n, text=text),
        "mojibake": say("{n} rows hold wrongly decoded characters, such as {text}", n=n, text=text),
    }[code]  # fmt: skip
