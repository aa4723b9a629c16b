"""A stage as it is written down: what is scored, and against which training rows copies are looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from loralab.data.conversation import Conversation, Message
from loralab.encode.encode import Encoded
from loralab.engine.base import Engine, TokenRow
from loralab.errors import Interrupted
from loralab.evaluate.stage import Asker
from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.train.evaluate_stage import Stages, partial_predictions
from loralab.train.session import Session
from loralab.train.stop import StopRequest

COPY = "合同期满以后，出租人应当在三日以内退还押金；逾期不退的，按照《民法典》第五百七十七条承担违约责任。"
NEUTRAL = TokenRow("neutral", Encoded((1, 2, 3), (False, True, True)))


class OneToken:
    """Each label token has a loss of 1."""

    def row_losses(self, rows: Sequence[TokenRow]) -> list[float]:
        return [float(row.encoded.label_tokens) for row in rows]


class Answers:
    """Gives the answers it was made with."""

    def __init__(self, *answers: str) -> None:
        self.answers = answers

    def answer_all(self, done: Any, record: Any, tick: Any) -> list[dict[str, Any]]:
        predictions = [
            {"id": str(i), "set": "test", "seen": False, "question": "问", "answer": answer, "reference": COPY,
             "prompt_tokens": 1, "answer_tokens": 1, "finish_reason": "stop", "seconds": 0.1}
            for i, answer in enumerate(self.answers)
        ]  # fmt: skip
        for prediction in predictions:
            record(prediction)
        return predictions


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(RunFolder(tmp_path)) as opened:
        yield opened


def stages(session: Session, *answers: str, neutral: Sequence[TokenRow] = (), near: str = "") -> Stages:
    turns = (Message("user", "问"), Message("assistant", f"您好。{COPY}"), Message("user", "还有？"), Message("assistant", "没有。"))  # fmt: skip
    training = [Conversation((Message("user", "一"), Message("assistant", "甲"))), Conversation(turns)]
    asker, engine = cast(Asker, Answers(*answers)), cast(Engine, OneToken())
    return Stages(session, [asker], engine, [], training, StopRequest(), frozenset(near), neutral)


def test_copies_are_looked_for_in_every_answer_of_the_training_rows(session: Session) -> None:
    stages(session, COPY, COPY[::-1], neutral=[NEUTRAL], near="1").run("after", 1, 1.0)
    scores = Run(session.folder).scores("after")
    assert list(scores["heldout"]) == [
        "exact_match", "rouge_l", "citation_f1", "length_ratio", "repetition", "ended", "copied",
    ]  # fmt: skip
    assert (scores["heldout"]["copied"]["value"], scores["heldout_clean"]["copied"]["value"]) == (0.5, 1.0)
    assert scores["heldout"]["citation_f1"]["value"] == 0.5
    assert scores["general"]["neutral_loss"]["value"] == 1.0


def test_without_passages_nothing_is_measured_on_them(session: Session) -> None:
    stages(session, "甲").run("after", 1, 1.0)
    assert "general" not in Run(session.folder).scores("after")


def test_a_stop_while_training_rows_are_read_keeps_the_answers(session: Session) -> None:
    stage = stages(session, COPY)
    stage.stop.ask(2)
    with pytest.raises(Interrupted):
        stage.run("after", 1, 1.0)
    assert not session.folder.scores("after").exists()
    assert partial_predictions(session, "after")["0"]["answer"] == COPY
