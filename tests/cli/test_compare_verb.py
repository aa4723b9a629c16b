"""`loralab compare`: tables on stderr, one JSON document on stdout, a page, and 5 for unlike runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from doubles.command import Job, invoke
from doubles.compared import write_run
from doubles.evaluated import write_evaluation

LOW, HIGH = [0.2 + 0.001 * i for i in range(40)], [0.4 + 0.002 * i for i in range(40)]
WRONG, RIGHT = [0.0] * 40, [1.0] * 20 + [0.0] * 20


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    one = write_run(tmp_path / "0001-a", {"heldout/rouge_l": LOW, "disc:single/accuracy": WRONG})
    other = write_run(tmp_path / "0002-b", {"heldout/rouge_l": HIGH, "disc:single/accuracy": RIGHT})
    return one.folder.path, other.folder.path


@pytest.fixture
def unlike(tmp_path: Path, pair: tuple[Path, Path]) -> tuple[Path, Path]:
    other = write_run(
        tmp_path / "0003-c", {"heldout/rouge_l": HIGH}, parts={"decoding": "d2", "questions": "q2"}
    )
    return pair[0], other.folder.path


def test_json_is_one_document_with_values_differences_and_changed_answers(pair: tuple[Path, Path]) -> None:
    said = invoke("compare", *pair, "--json")
    document = json.loads(said.out)
    assert said.code == 0 and said.out.count("\n") == 1
    assert {"tasks", "differences", "fixed", "broken"} <= set(document)
    entry = document["tasks"]["disc:single"]["accuracy"]["0002-b"]
    assert set(entry) == {"value", "n", "low", "high", "floor", "abstention"} and entry["value"] == 0.5
    difference = next(d for d in document["differences"] if d["task"] == "disc:single")
    assert (difference["run"], difference["baseline"], difference["value"]) == ("0002-b", "0001-a", 0.5)
    assert difference["verdict"] == "better" and difference["test"] == "mcnemar" and difference["n"] == 40
    fixed = [change for change in document["fixed"] if change["metric"] == "accuracy"]
    assert [change["id"] for change in fixed] == [f"q{i}" for i in range(20)] and document["broken"] == []
    assert fixed[3]["question"] == "question q3?" and fixed[3]["reference"] == "reference q3"
    assert [run["run"] for run in document["runs"]] == ["0001-a", "0002-b"] and document["unlike"] == []


def test_the_same_runs_give_the_same_document(pair: tuple[Path, Path]) -> None:
    assert invoke("compare", *pair, "--json").out == invoke("compare", *pair, "--json").out


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_are_on_stderr_with_values_differences_cost_and_verdict(
    pair: tuple[Path, Path], language: str
) -> None:
    said = invoke("compare", *pair, "--lang", language)
    assert said.code == 0 and said.out == "" and "\r" not in said.err
    words = {
        "en": (
            "better",
            "training time",
            "0002-b, disc:single/accuracy: 20 questions fixed",
            "0 → 1  question q0?",
        ),
        "zh": ("变好", "训练耗时", "0002-b，disc:single/accuracy：20 题由错变对", "下一步"),
    }
    for word in (*words[language], "heldout/rouge_l", "some/model"):
        assert word in said.err, word
    assert said.err.rstrip().endswith(f"loralab compare {pair[0]} {pair[1]} --html compare.html")
    assert invoke("compare", *pair, "-q").err == ""


def test_unlike_runs_end_with_5_and_the_parts_that_differ(unlike: tuple[Path, Path]) -> None:
    for said in (invoke("compare", *unlike), invoke("compare", *unlike, "--json")):
        assert said.code == 5 and said.out == ""
        assert "0003-c: cannot be compared with 0001-a: questions:" in said.err
        assert "decoding:" in said.err and "next: add --anyway" in said.err and "Traceback" not in said.err
    assert "不能与 0001-a 比较" in invoke("compare", *unlike, "--lang", "zh").err


def test_anyway_compares_and_marks_words_document_and_page(unlike: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = invoke("compare", *unlike, "--anyway", "--json", "--html", page)
    assert said.code == 0 and f"page: {page}" in said.err
    assert [u["part"] for u in json.loads(said.out)["unlike"]] == ["questions", "decoding"]
    assert "These runs are unlike" in page.read_text("utf-8")
    assert invoke("compare", *unlike, "--anyway").err.count("These runs are unlike") == 2


def test_the_page_is_written_and_its_path_printed(pair: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    said = invoke("compare", *pair, "--html", page)
    assert said.code == 0 and said.out.strip() == str(page) and "0002-b" in page.read_text("utf-8")


def test_a_run_with_itself(job: Job) -> None:
    said = invoke("compare", job.run, job.run, "--json")
    document = json.loads(said.out)
    assert said.code == 0 and document["differences"]
    assert {d["value"] for d in document["differences"]} == {0.0}
    assert "better" not in {d["verdict"] for d in document["differences"]}
    assert document["fixed"] == document["broken"] == []


def test_stages_of_one_run_in_three_ways(job: Job) -> None:
    documents = [
        json.loads(invoke("compare", *words, "--json").out)
        for words in (
            (job.run, "--stages", "before,after"),
            (f"{job.run}:before", f"{job.run}:after"),
            (f"{job.run}:before", job.run),
        )
    ]
    assert documents[0] == documents[1] == documents[2]
    assert [run["run"] for run in documents[0]["runs"]] == ["0001-job:before", "0001-job:after"]
    epoch = json.loads(invoke("compare", job.run, job.run, "--stage", "epoch-1", "--json").out)
    assert {run["stage"] for run in epoch["runs"]} == {"epoch-1"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN"], "a comparison needs two runs"), (["RUN", "--stages", "before"], "compares two or more stages"),
        (["RUN", "RUN", "--stages", "a,b"], "compares two or more stages"),
        (["RUN", "--stage", "a", "--stages", "a,b"], "do not go together"),
        (["RUN", "absent"], "no such run folder"), (["RUN", "RUN", "--stage", "epoch-9"], "scored are: after"),
        (["RUN:epoch-9", "RUN"], "stage epoch-9 is not scored"), ([], "Missing argument"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said_with_2(
    pair: tuple[Path, Path], words: list[str], message: str
) -> None:
    said = invoke("compare", *(word.replace("RUN", str(pair[0])) for word in words))
    assert said.code == 2 and message in said.err and "Traceback" not in said.err


def test_a_run_whose_name_has_a_colon_is_itself(pair: tuple[Path, Path]) -> None:
    named = pair[0].rename(pair[0].with_name("a:before"))
    assert invoke("compare", named, pair[1], "-q").code == 0


# ----------------------------------------------------------------------------- folders of loralab eval


@pytest.fixture
def exams(tmp_path: Path) -> tuple[Path, Path]:
    asked = [(f"q{i}", f"第{i}问？", "ABCD"[i % 4]) for i in range(40)]
    right = [reference for _, _, reference in asked]
    return (
        write_evaluation(tmp_path / "base-exam", "choice", asked, ["A"] * 40),
        write_evaluation(tmp_path / "tuned-exam", "choice", asked, right, adapter="/runs/0001-law/adapter"),
    )


def test_two_evaluations_of_one_exam(exams: tuple[Path, Path]) -> None:
    said = invoke("compare", *exams, "--json")
    document = json.loads(said.out)
    assert said.code == 0, said.err
    difference = next(d for d in document["differences"] if d["metric"] == "accuracy")
    assert (difference["value"], difference["verdict"], difference["test"]) == (0.75, "better", "mcnemar")
    assert len([c for c in document["fixed"] if c["metric"] == "accuracy"]) == 30
    runs = document["runs"]
    assert [(r["run"], r["kind"], r["stage"], r["status"]) for r in runs] == [
        ("base-exam", "eval", None, "finished"), ("tuned-exam", "eval", None, "finished"),
    ]  # fmt: skip
    assert (runs[0]["answer_tokens"], runs[0]["answer_seconds"], runs[0]["steps"]) == (40, 20.0, None)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("model + 0001-law/adapter", "30 questions fixed", "20.0 s")),
        ("zh", ("30 题由错变对", "回答耗时")),
    ],
)
def test_evaluations_in_words_and_on_a_page(
    exams: tuple[Path, Path], tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    page = tmp_path / "page.html"
    said = invoke("compare", *exams, "--html", page, "--lang", language)
    assert said.code == 0, said.err
    for word in words:
        assert word in said.err, word
    html = page.read_text("utf-8")
    assert "tuned-exam" in html and "0001-law/adapter" in html and 'id="curves"' not in html


def test_an_evaluation_and_a_run_that_share_no_task_end_with_5(
    exams: tuple[Path, Path], pair: tuple[Path, Path]
) -> None:
    said = invoke("compare", pair[0], exams[0])
    assert said.code == 5 and "share the task general alone" in said.err and "--anyway" in said.err
    assert invoke("compare", pair[0], exams[0], "--anyway", "-q").code == 0


def test_stages_and_unfinished_evaluations_are_said_with_2(exams: tuple[Path, Path]) -> None:
    for words in ((f"{exams[0]}:before", exams[1]), (exams[0], "--stages", "before,after")):
        said = invoke("compare", *words)
        assert said.code == 2 and "is an evaluation, which has no stages" in said.err
    (exams[1] / "scores.json").unlink()
    said = invoke("compare", *exams)
    assert said.code == 2 and "not finished: 40 of 40 answers" in said.err and "Traceback" not in said.err


def test_a_runs_general_answers_are_those_that_loralab_eval_gets(job: Job, tmp_path: Path) -> None:
    """The same adapter, prompts and settings in two ways: no answer and no score differs."""
    settings = ("evaluate.general=true", "evaluate.max_new_tokens=4", "evaluate.stages=[before,after]",
                f"run.dir={tmp_path}", "train.max_steps=2", "train.epochs=null", "evaluate.batch_rows=16")  # fmt: skip
    trained = invoke("train", job.config, *settings, "--json")
    assert trained.code == 0, trained.err
    run = Path(json.loads(trained.out.splitlines()[-1])["run"])
    asked = invoke("eval", run, "--task", "general", "--out", tmp_path / "out", "--max-new-tokens", "4")
    assert asked.code == 0, asked.err
    said = invoke("compare", run, tmp_path / "out", "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    found = [d for d in document["differences"] if d["task"] == "general"]
    assert {d["metric"] for d in found} >= {"accuracy", "ended", "repetition", "right_language"}
    assert {(d["value"], d["n"] > 0) for d in found} == {(0.0, True)} and not document["fixed"]
    longer = invoke("eval", run, "--task", "general", "--out", tmp_path / "long", "--max-new-tokens", "5")
    assert longer.code == 0 and invoke("compare", run, tmp_path / "long").code == 5
