"""A page as PDF: by a browser that is told to stay off the network, in a folder of its own, within its time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from loralab.errors import ResourceError, UsageError
from loralab.report import pdf
from loralab.report.pdf import NAMES, find_browser, write_pdf

PRINTS = """
for word in "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME" "$@"; do
  printf '%s\\n' "$word" >> "{folder}/words"
  case "$word" in
    --user-data-dir=*) mkdir "${word#--user-data-dir=}"; touch "${word#--user-data-dir=}/Lock";;
    --print-to-pdf=*) printf '%s' '%PDF-1.7 made' > "${word#--print-to-pdf=}";;
  esac
done
"""


def make_program(path: Path, script: str) -> Path:
    """A shell script that can be started; {folder} in it is its own folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script.replace("{folder}", str(path.parent)), "utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page in a folder whose name has to be quoted in an address."""
    path = tmp_path / "my run #1 100%" / "report.html"
    path.parent.mkdir()
    path.write_text("<!DOCTYPE html><title>t</title><p>律", "utf-8")
    return path


@pytest.mark.parametrize("user", [0, 1000])
def test_the_browser_gets_a_file_and_no_network(
    page: Path, tmp_path: Path, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    browser = make_program(tmp_path / "bin" / "chromium", PRINTS)
    target = page.with_suffix(".pdf")
    assert write_pdf(page, target, browser) == target
    assert target.read_bytes() == b"%PDF-1.7 made"
    words = (tmp_path / "bin" / "words").read_text("utf-8").splitlines()
    assert words[-1] == page.as_uri() and " " not in words[-1]
    assert {"--headless", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer"} <= set(words)
    assert any(word.startswith("--proxy-server=http://127.0.0.1") for word in words)
    assert ("--no-sandbox" in words) == (user == 0)
    assert all(Path(word).parent.parent == page.parent for word in words[:2]), (
        "nothing goes to the user's folders"
    )


def test_nothing_but_the_file_stays(page: Path, tmp_path: Path) -> None:
    browser = make_program(tmp_path / "bin" / "chromium", PRINTS)
    write_pdf(page, page.with_suffix(".pdf"), browser)
    assert sorted(p.name for p in page.parent.iterdir()) == ["report.html", "report.pdf"]


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo first; echo no display >&2; echo ERROR:dbus/bus.cc; exit 3", "exit code 3"), ("exit 0", "exit code 0"), (PRINTS.replace("%PDF", "<html>"), "exit code 0"),
     (PRINTS + "exit 7", "exit code 7")],
)  # fmt: skip
def test_a_browser_that_prints_nothing_is_told_and_the_old_file_stays(
    page: Path, tmp_path: Path, script: str, told: str
) -> None:
    target = page.with_suffix(".pdf")
    target.write_bytes(b"old")
    with pytest.raises(UsageError) as caught:
        write_pdf(page, target, make_program(tmp_path / "bin" / "chromium", script))
    assert told in str(caught.value) and "report.html" in str(caught.value)
    assert ("its last words: no display" in str(caught.value)) == ("display" in script)
    assert target.read_bytes() == b"old"
    assert sorted(p.name for p in page.parent.iterdir()) == ["report.html", "report.pdf"]


def test_a_file_that_is_no_program_is_told(page: Path, tmp_path: Path) -> None:
    browser = make_program(tmp_path / "bin" / "chromium", "exit 0")
    browser.write_bytes(b"\x7fELF")
    with pytest.raises(UsageError, match=r"chromium: cannot be started: "):
        write_pdf(page, page.with_suffix(".pdf"), browser)


def test_a_browser_that_does_not_end_is_ended_with_all_that_it_started(page: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    os.mkfifo(tmp_path / "bin" / "held")
    reader = os.open(tmp_path / "bin" / "held", os.O_RDONLY | os.O_NONBLOCK)
    browser = make_program(tmp_path / "bin" / "chromium", 'sleep 99 > "{folder}/held" & wait')
    with pytest.raises(ResourceError, match=r"no PDF within 0.8 seconds"):
        write_pdf(page, page.with_suffix(".pdf"), browser, limit_seconds=0.8)
    assert is_let_go(reader)
    os.close(reader)
    assert [p.name for p in page.parent.iterdir()] == ["report.html"]


def is_let_go(reader: int) -> bool:
    """Whether no process holds the other end any more; a killed one may take a moment."""
    for _ in range(100):
        try:
            return os.read(reader, 1) == b""
        except BlockingIOError:
            time.sleep(0.05)
    return False


def test_the_named_browser_comes_first_then_the_usual_names(tmp_path: Path) -> None:
    programs = {name: make_program(tmp_path / "bin" / name, "exit 0") for name in (*NAMES, "mine")}
    path = {"PATH": str(tmp_path / "bin")}
    assert find_browser({**path, pdf.VARIABLE: str(programs["mine"])}) == programs["mine"]
    assert find_browser({**path, pdf.VARIABLE: "mine"}) == programs["mine"]
    for name in NAMES:
        assert find_browser(path) == programs[name]
        programs[name].unlink()
    with pytest.raises(
        UsageError, match=r"(?s)chromium, chromium-browser, google-chrome.*next: install chromium"
    ):
        find_browser(path)


def test_a_named_browser_that_is_not_there_is_not_replaced_by_another(tmp_path: Path) -> None:
    make_program(tmp_path / "bin" / "chromium", "exit 0")
    with pytest.raises(UsageError, match="CHROMIUM: names no program that can be started: absent"):
        find_browser({"PATH": str(tmp_path / "bin"), pdf.VARIABLE: "absent"})


@pytest.mark.skipif(
    pdf.VARIABLE not in os.environ, reason="takes seconds: name a browser in CHROMIUM to have it tried"
)
def test_a_real_browser_prints_the_page_without_network(page: Path) -> None:
    page.write_text('<!DOCTYPE html><img src="http://127.0.0.1:9/x.png"><p>words on paper', "utf-8")
    data = write_pdf(page, page.with_suffix(".pdf"), find_browser()).read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert sorted(p.name for p in page.parent.iterdir()) == ["report.html", "report.pdf"]
