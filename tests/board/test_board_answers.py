"""The answers page finds every question once, and fixed, broken and worst as the scores have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from doubles.made_run import STAGES, Recipe, make_prediction
from loralab.board import RunIndex, make_app
from loralab.board.answers import ON_A_PAGE, Query, answer_page
from loralab.run.files import write_json_lines
from loralab.run.view import Run

NUM = 45
FIXED, BROKEN = {3, 4, 40}, {7, 8}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """45 questions, of which the first five are probes; a few are fixed or broken."""
    recipe = Recipe(num_steps=2)
    recipe.predictions = {
        stage: [
            make_prediction("probe" if i < 5 else "test", i, f"{stage} says no{i:03d}") for i in range(NUM)
        ]
        for stage in STAGES
    }
    run = recipe.write(tmp_path_factory.mktemp("runs") / "0001-judged")
    for stage in STAGES:
        rows = [score(i, stage) for i in range(NUM)]
        write_json_lines(run.folder.score_rows(stage), rows)
    return run


def score(i: int, stage: str) -> dict[str, Any]:
    right = i in BROKEN if stage == "before" else i in FIXED
    if i not in FIXED | BROKEN:
        right = i % 2 == 0
    return {"task": "heldout", "metric": "exact_match", "id": f"{i:016x}", "value": float(right), "weight": 1}


def ids(run: Run, **query: Any) -> list[int]:
    return [int(one.question.id, 16) for one in answer_page(run, Query(**query)).shown]


def test_every_question_is_on_one_page(judged: Run) -> None:
    pages = [ids(judged, page=page) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [ON_A_PAGE, ON_A_PAGE, NUM - 2 * ON_A_PAGE]
    assert sorted(i for page in pages for i in page) == list(range(NUM))
    assert ids(judged, page=99) == pages[-1] and ids(judged, page=-3) == pages[0]


def test_fixed_and_broken_are_those_of_the_scores(judged: Run) -> None:
    assert set(ids(judged, show="fixed")) == FIXED
    assert set(ids(judged, show="broken")) == BROKEN
    assert set(ids(judged, show="probe")) == set(range(5))
    counts = answer_page(judged, Query()).counts
    assert (counts["fixed"], counts["broken"], counts["all"]) == (3, 2, NUM)


def test_the_worst_come_first(judged: Run) -> None:
    page = answer_page(judged, Query(show="worst")).shown
    values = [one.scores["after"] for one in page]
    assert values == sorted(values) and values[0] == 0


def test_words_are_looked_for_in_every_text(judged: Run) -> None:
    assert ids(judged, words="REFERENCE 44") == [44]
    assert ids(judged, words="EPOCH-1 no017") == [17]
    assert ids(judged, words="nowhere") == []


def test_what_was_asked_stays_in_the_page(judged: Run) -> None:
    with TestClient(
        make_app(RunIndex(Path(judged.folder.path).parent)), base_url="http://localhost"
    ) as client:
        html = client.get("/run/0001-judged/answers?words=says&show=all&page=2").text
        assert 'value="says"' in html and "words=says&amp;show=all" in html and "page 2 of 3" in html
