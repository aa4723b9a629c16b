"""`loralab report`: the page, the model card, a PDF of the page, or a summary in Markdown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from doubles.command import Job, invoke


@pytest.fixture
def copy(job: Job, tmp_path: Path) -> Path:
    return shutil.copytree(job.run, tmp_path / job.run.name)


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser that prints any page in the same way."""
    path = tmp_path / "browser"
    prints = 'case "$word" in --print-to-pdf=*) printf %s "%PDF-" > "${word#--print-to-pdf=}";; esac'
    path.write_text(f'#!/bin/sh\nfor word in "$@"; do {prints}; done\n', "utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(path))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_page_and_card_are_written_again(copy: Path) -> None:
    for path in (copy / "report.html", copy / "adapter" / "README.md"):
        path.unlink()
    said = invoke("report", copy, "--lang", "zh")
    assert said.code == 0 and said.out == f"{copy / 'report.html'}\n"
    assert "结论" in (copy / "report.html").read_text("utf-8")
    assert "结论" in (copy / "adapter" / "README.md").read_text("utf-8")
    assert f"模型卡：{copy / 'adapter' / 'README.md'}" in said.err


def test_a_card_that_was_changed_by_hand_stays_and_is_told(copy: Path) -> None:
    card = copy / "adapter" / "README.md"
    card.write_text("# Mine\n", "utf-8")
    said = invoke("report", copy)
    assert said.code == 0 and "was changed by hand and stays as it is" in said.err
    assert card.read_text("utf-8") == "# Mine\n"


def test_a_run_without_adapter_has_a_page_and_no_card(copy: Path) -> None:
    shutil.rmtree(copy / "adapter")
    said = invoke("report", copy)
    assert said.code == 0 and "model card" not in said.err and not (copy / "adapter").exists()


def test_resume_writes_what_a_kill_at_the_end_left_out(copy: Path) -> None:
    (copy / "adapter" / "README.md").unlink()
    assert invoke("resume", copy).code == 0
    assert (copy / "adapter" / "README.md").is_file()


def test_pdf_is_written_beside_the_page_and_its_path_printed(copy: Path, browser: Path) -> None:
    said = invoke("report", copy, "--pdf")
    assert said.code == 0 and said.out == f"{copy / 'report.pdf'}\n"
    assert (copy / "report.pdf").read_bytes() == b"%PDF-"
    assert f"page: {copy / 'report.html'}" in said.err


def test_pdf_without_a_browser_writes_nothing_and_says_what_is_missing(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    before = contents(copy)
    said = invoke("report", copy, "--pdf")
    assert said.code == 2 and said.out == ""
    assert "--pdf: needs Chromium or Chrome" in said.err and "next: install chromium" in said.err
    assert contents(copy) == before


@pytest.mark.parametrize(("language", "heading"), [("en", "## Report of a"), ("zh", "## 微调运行报告")])
def test_markdown_goes_to_stdout_and_to_no_file(copy: Path, language: str, heading: str) -> None:
    before = contents(copy)
    said = invoke("report", copy, "--markdown", "--lang", language)
    assert said.code == 0 and said.out.startswith(heading) and "heldout/rouge\\_l" not in said.out
    assert "`heldout/rouge_l`" in said.out and said.out.endswith("\n") and not said.out.endswith("\n\n")
    assert len(said.err.splitlines()) == 1 and contents(copy) == before


def test_both_at_once_are_refused(copy: Path) -> None:
    said = invoke("report", copy, "--pdf", "--markdown")
    assert said.code == 2 and "do not go together" in said.err and said.out == ""
