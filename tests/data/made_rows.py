"""Conversations and rows for the tests of this room: any, or a few that often agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from hypothesis import strategies as st

from loralab.data.conversation import Conversation, Message
from loralab.data.rows import PROBES, TEST, TRAIN, Rows, RowTable

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
# texts that often agree, some of them but for spaces, punctuation, letter case and width
FEW_TEXTS = st.sampled_from(["怎么办？", "怎么办 ", "怎么办", "问", "Q", "Ｑ!", "q", "？", "", "押金\n"])


def conversations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Conversation]:
    """An optional system message, then user and assistant in turn; the last answer may be absent."""

    def build(system: str | None, pairs: list[tuple[str, str, bool]], asked: str | None) -> Conversation:
        messages = [Message("system", system)] if system is not None else []
        for question, answer, trained in pairs:
            messages += [Message("user", question), Message("assistant", answer, trained)]
        messages += [Message("user", asked)] if asked is not None else []
        return Conversation(tuple(messages or [Message("user", "")]))

    pairs = st.lists(st.tuples(texts, texts, st.booleans()), max_size=3)
    return st.builds(build, st.none() | texts, pairs, st.none() | texts)


def content_id(conversation: Conversation) -> str:
    """The id that the first row of a content has, reckoned apart from the code: a contract of run folders."""
    turns = [[m.role, m.content, *([] if m.trained else [False])] for m in conversation.messages]
    return hashlib.sha256(json.dumps(turns, ensure_ascii=False).encode("utf-8")).hexdigest()[:16]


ANY = st.lists(conversations(ANY_TEXT), max_size=12)
FEW = st.lists(conversations(FEW_TEXTS), max_size=25)


def talk(question: str, answer: str = "a", system: str | None = None) -> Conversation:
    """One question with its answer."""
    return Conversation((Message("user", question), Message("assistant", answer))).with_system(system)


def asked(questions: Sequence[str], seed: int = 0) -> Rows:
    """A row for each question, whose answer goes with the question."""
    return Rows.of([talk(q, f"a{q}") for q in questions], seed)


def of_files(
    *files: Sequence[str], test: Sequence[str] = (), probes: Sequence[str] = (), seed: int = 0
) -> Rows:
    """Rows of training files, each a source of its own, and of a test and a probe file."""
    table = RowTable(seed)
    position = 0
    for number, questions in enumerate(files):
        table.files.append(f"{number}.jsonl")
        for line, question in enumerate(questions, 1):
            table.add(
                talk(question, f"a{question}"), "qa", position=position, number=line, line=line,
                part=TRAIN, source=number,
            )  # fmt: skip
            position += 1
    for part, questions in ((TEST, test), (PROBES, probes)):
        table.files.append(f"part-{part}.jsonl")
        for line, question in enumerate(questions, 1):
            table.add(
                talk(question, f"a{question}"), "qa", position=line - 1, number=line, line=line,
                part=part, source=-1,
            )  # fmt: skip
    return table.rows()


def questions(rows: Rows) -> list[str]:
    """What the rows ask, in order."""
    return [row.conversation.question for row in rows]
