"""Whole commands on hostile rows, runs, names and words: nothing of them steers the terminal, on either stream."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from doubles.command import Said, invoke
from doubles.compared import write_run
from doubles.hostile import FORGED, NASTY, OBEYED

UNNULLED = NASTY.replace("\0", "")  # a file name or a word of a command cannot hold NUL


def refuse_obeyed(said: Said, shows_rows: bool = False) -> None:
    """Nothing that a terminal obeys; and no line of a stranger's, but where rows are shown as they are."""
    assert "Traceback" not in said.err and "this is a bug" not in said.err, said.err
    for stream in (said.out, said.err):
        found = OBEYED.search(stream)
        assert found is None, (
            f"{found and found[0]!r} in {stream[max(0, found.start() - 80) : found.start() + 80]!r}"
        )
    assert shows_rows or "\n  next: curl" not in said.err


def lines(*rows: object) -> str:
    return "".join(
        row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) + "\n" for row in rows
    )


GOOD = [{"question": f"{i} {NASTY} {FORGED}", "answer": f"{NASTY} 占位符 [待补充] {i}"} for i in range(6)]
BAD = {
    "broken": f'{{"question": "{NASTY.replace(chr(13), "")}"\n',
    "other names": {f"questio{NASTY}": "q", f"answe{NASTY}": FORGED},
    "a near name": {"questoin": NASTY, "answer": NASTY},
    "a strange role": {
        "messages": [{"role": NASTY, "content": NASTY}, {"role": "assistant", "content": "a"}]
    },
    "a role typo": {"messages": [{"role": f"asistant{UNNULLED}", "content": NASTY}]},
    "wrong types": {"question": {NASTY: 1}, "answer": [NASTY]},
    "no object": [NASTY, FORGED],
    "a part": {"messages": [{"role": "user", "content": [{"type": NASTY, "text": FORGED}]}]},
    "a number": f'{{"question": "q", "answer": {"9" * 5000}}}\n',
    "deep": "[" * 100_000 + "\n",
    "nothing to see": {"question": "\u202e\u200b\u2066", "answer": NASTY},
    "twice": f'{{"question{UNNULLED[:1]}": "a", "answer": "b", "answer": "{FORGED.encode("unicode_escape").decode()}"}}\n',
    "half a pair": '{"question": "\\ud800", "answer": "a\\u001b[2J"}\n',
}


@pytest.mark.parametrize("fault", BAD)
@pytest.mark.parametrize(
    "more", [(), ("--json",), ("data.on_bad_row=drop", "--lang", "zh")], ids=["", "json", "drop"]
)
def test_check_of_bad_rows(tmp_path: Path, fault: str, more: tuple[str, ...]) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(lines(*GOOD, BAD[fault]), "utf-8")
    said = invoke("check", data, *more)
    refuse_obeyed(said)
    assert said.code in (0, 2, 3)


def test_check_of_good_rows_with_a_page_and_a_preview(tmp_path: Path, tiny_model: Path) -> None:
    data, page = tmp_path / "rows.jsonl", tmp_path / "page.html"
    data.write_text(lines(*GOOD, *GOOD), "utf-8")
    said = invoke("check", data, "--model", tiny_model, "--show", "3", "--html", page, "data.test=none")
    refuse_obeyed(said, shows_rows=True)
    assert said.code == 0 and "␛]52;c;ZXZpbA==␇" in said.err
    assert not OBEYED.search(page.read_text("utf-8"))


@pytest.mark.parametrize(
    "content",
    [NASTY.encode(), f"model: {{name: {UNNULLED}}}\n".encode(), b"\x1b]52;c;ZXZpbA==\x07: 1\n", b"a: !\x1b[2J b\n",
     b'model: {"na\\e[2Jme": 1, name: "\\e[2J\\x9b"}\ndata: {train: "\\e[31m.jsonl", format: "\\e]0;x\\a"}\n"\\e[1m": 2\n'],
)  # fmt: skip
def test_a_config_of_a_stranger(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "config.yaml"
    config.write_bytes(content)
    for verb in ("check", "train"):
        said = invoke(verb, config)
        refuse_obeyed(said)
        assert said.code == 2


NAMES = [
    f"we{UNNULLED}ird.jsonl",
    f"{FORGED.replace('/', '')}.jsonl",
    "😀 名字.jsonl",
    "-rf.jsonl",
    "$(touch x).jsonl",
    "%s{x}.jsonl",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_data_file_of_any_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(
        lines(*GOOD[:1], *({"question": f"q{i}", "answer": f"a{i}"} for i in range(9))), "utf-8"
    )
    said = invoke("check", "--", name)
    refuse_obeyed(said)
    assert said.code == 0 and "x" not in {p.name for p in tmp_path.iterdir()}
    Path(name).write_text("{", "utf-8")
    said = invoke("check", "--json", "--", name)
    refuse_obeyed(said)
    assert said.code == 3 and json.loads(said.out)["data"]["files"][0]["path"].endswith(name)


@pytest.mark.parametrize("word", [UNNULLED, f"--{UNNULLED}", FORGED])
def test_words_of_the_command_itself(tmp_path: Path, word: str) -> None:
    for words in ((word,), ("check", word), ("show", word), ("ls", word), ("fetch", word), ("compare", word, word),
                  ("check", "rows.jsonl", f"data.{word}=1"), ("check", "rows.jsonl", f"data.format={word}"),
                  ("score", "--task", word, "--predictions", word), ("init", tmp_path / "no" / word / "c.yaml")):  # fmt: skip
        refuse_obeyed(invoke(*words))


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs whose every text is hostile, down to the name of the folder."""
    made = []
    for number, value in enumerate((0.0, 1.0), 1):
        folder = tmp_path / "runs" / f"000{number}-{UNNULLED}[bold]"
        metrics = {f"[red]{NASTY}/exact": [value] * 30, "disc:single/accuracy": [value] * 30}
        write_run(folder, metrics, answer=NASTY, gpu=NASTY)
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        manifest["model"] = {"name": FORGED + NASTY, "weights": [{"path": NASTY, "sha256": NASTY}]}
        manifest["engine"] = {"name": NASTY}
        (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        for end in (".json", ".rows.jsonl"):
            shutil.copy(folder / "scores" / f"after{end}", folder / "scores" / f"{UNNULLED}{end}")
        with (folder / "events.jsonl").open("a", encoding="utf-8") as stream:
            for seq, kind in enumerate(("warning", "sink_failed", "run_failed"), 9):
                event = {"seq": seq, "time": NASTY, "kind": kind, "error": FORGED + NASTY, "where": NASTY, "sink": NASTY,
                         "events_lost": 1, "code": NASTY, "message": NASTY, "template": "{x:>99999999}", "values": {"x": NASTY}}  # fmt: skip
                stream.write(json.dumps(event) + "\n")
        made.append(folder)
    return made


def test_show_ls_compare_and_report_of_hostile_runs(runs: list[Path]) -> None:
    for words in (("show", runs[0]), ("show", runs[0], "--json"), ("ls", runs[0].parent), ("ls", runs[0].parent, "--json"),
                  ("compare", *runs), ("compare", *runs, "--json"), ("compare", runs[0], "--stages", f"after,{UNNULLED}"),
                  ("watch", runs[0]), ("watch", runs[0], "--json"), ("report", runs[0], "--markdown"), ("report", runs[0])):  # fmt: skip
        said = invoke(*words)
        refuse_obeyed(said)
        assert said.code == 0, (words[0], said.err)
    page = (runs[0] / "report.html").read_text("utf-8")
    assert not OBEYED.search(page)
    for verb in ("resume", "sync"):
        refuse_obeyed(invoke(verb, runs[0]))
    refuse_obeyed(invoke("eval", runs[0], "--task", "citation", "--out", runs[0] / "out"))


def test_the_command_after_show_names_the_run_for_a_shell(runs: list[Path]) -> None:
    command = invoke("show", runs[0]).err.splitlines()[-1].removeprefix("next: ")
    (word,) = shlex.split(command.replace("$'", "'"))[2:]
    assert word.encode().decode("unicode_escape").encode("latin-1") == os.fsencode(runs[0])


def test_score_of_hostile_predictions(tmp_path: Path) -> None:
    predictions, questions = tmp_path / "p.jsonl", tmp_path / "q.jsonl"
    row = {"id": NASTY, "question": FORGED, "answer": NASTY, "reference": NASTY, "finish_reason": NASTY}
    predictions.write_text(lines(row, {**row, "id": FORGED}), "utf-8")
    questions.write_text(lines({**row, "id": f"other{NASTY}", "question": NASTY}), "utf-8")
    for more in (
        (),
        ("--json",),
        ("--questions", questions),
        ("--questions", questions, "--missing", "wrong"),
    ):
        refuse_obeyed(invoke("score", "--task", "rouge_l", "--predictions", predictions, *more))
    predictions.write_text(f"{{\x1b[2J{NASTY}", "utf-8")
    refuse_obeyed(invoke("score", "--task", "rouge_l", "--predictions", predictions))
