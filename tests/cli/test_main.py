"""The command line as a whole: verbs, help, hints, exit codes and languages."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from doubles.command import invoke
from loralab.cli.main import VERBS
from loralab.errors import Interrupted, Problem, RunFailed, UsageError
from loralab.words import say


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb(verb: str) -> None:
    said = invoke(verb, "--help")
    assert said.code == 0 and said.err == ""
    assert said.out.startswith(f"Usage: loralab {verb} ")
    for option in ("-q, --quiet", "-v, --verbose", "--lang", "-h, --help"):
        assert option in said.out, option


def test_help_lists_every_verb_and_the_exit_codes() -> None:
    said = invoke("--help")
    assert said.code == 0 and all(f"  {verb} " in said.out for verb in VERBS)
    assert "130 Ctrl-C" in " ".join(said.out.split())
    assert invoke("-h").out == said.out


def test_without_a_verb_help_is_shown() -> None:
    said = invoke()
    assert said.code == 2 and "Commands:" in said.out + said.err


def test_version() -> None:
    from loralab import __version__

    assert invoke("--version").out == f"loralab {__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["trian"], "'train'"), (["resum", "x"], "'resume'"), (["ls", "--jsn"], "--json"), (["show", "x", "--jason"], "--json"),
        (["check", "x", "--modle", "y"], "--model"), (["--quite"], "--quiet"),
    ],
)  # fmt: skip
def test_did_you_mean(words: list[str], hint: str) -> None:
    said = invoke(*words)
    assert said.code == 2 and said.out == ""
    assert "Did you mean" in said.err and hint in said.err


@pytest.mark.parametrize(
    "words", [["zzzzzz"], ["train"], ["ls", "--json=3"], ["check", "x", "--show", "-1"], ["init", "a", "b"]]
)
def test_usage_errors(words: list[str]) -> None:
    said = invoke(*words)
    assert said.code == 2 and "Error:" in said.err and "Traceback" not in said.err


@pytest.fixture
def verb_that_raises(monkeypatch: pytest.MonkeyPatch) -> type:
    """Put a verb `boom` in place that raises what it is told to."""

    class Boom:
        error: BaseException = RuntimeError("odd")

    @click.command()
    def boom() -> None:
        raise Boom.error

    module = ModuleType("loralab.cli.boom")
    module.boom = boom  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "loralab.cli.boom", module)
    monkeypatch.setitem(VERBS, "boom", "Raise.")
    return Boom


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UsageError(Problem(say("wrong"), "f.yaml:3", say("because"), say("do this"))), 2, ["f.yaml:3: wrong", "because", "next: do this"]),
        (RunFailed(Problem(say("diverged")), "/run/log.txt"), 1, ["diverged", "log: /run/log.txt"]),
        (Interrupted(2), 130, []), (Interrupted(15), 143, []), (KeyboardInterrupt(), 130, []),
    ],
)  # fmt: skip
def test_each_kind_of_end_has_its_exit_code(
    verb_that_raises: type, error: BaseException, code: int, words: list[str]
) -> None:
    verb_that_raises.error = error  # type: ignore[attr-defined]
    said = invoke("boom")
    assert said.code == code and all(word in said.err for word in words)
    assert "Traceback" not in said.err and said.out == ""


def test_the_log_of_a_failed_run_is_named_also_when_quiet(verb_that_raises: type) -> None:
    verb_that_raises.error = RunFailed(Problem(say("diverged")), "/run/log.txt")  # type: ignore[attr-defined]
    assert "log: /run/log.txt" in invoke("-q", "boom").err


def test_a_bug_ends_in_words_with_its_trace_in_a_file(verb_that_raises: type) -> None:
    said = invoke("boom")
    assert said.code == 1 and "this is a bug in loralab: RuntimeError: odd" in said.err
    log = Path(said.err.partition("log: ")[2].strip())
    assert "Traceback" not in said.err and "Traceback" in log.read_text("utf-8")
    log.unlink()


@pytest.mark.parametrize(
    "words", [["--lang", "zh", "ls", "{0}"], ["ls", "{0}", "--lang", "zh"], ["ls", "--lang=zh", "{0}"]]
)
def test_words_in_chinese_wherever_the_option_stands(tmp_path: Path, words: list[str]) -> None:
    said = invoke(*(w.format(tmp_path / "absent") for w in words))
    assert said.code == 2 and "文件夹不存在" in said.err


def test_the_environment_chooses_the_language_unless_the_option_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORALAB_LANG", "zh")
    assert "文件夹不存在" in invoke("ls", tmp_path / "absent").err
    assert "no such folder" in invoke("ls", tmp_path / "absent", "--lang", "en").err
