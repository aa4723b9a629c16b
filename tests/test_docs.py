"""The documentation says what the code does: generated pages, links, commands, and pairs that are parallel."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from loralab.cli.main import VERBS
from loralab.config import make_config
from loralab.data.formats import FORMATS
from loralab.data.reasons import REASONS, REPAIRS
from loralab.evaluate.tasks.all import TASKS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PAIRS = [p for p in PAGES if p.with_suffix(".zh-CN.md").is_file()]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page: Path, language: str) -> list[str]:
    return [text for lang, text in BLOCK.findall(page.read_text("utf-8")) if lang == language]


def commands(page: Path) -> list[list[str]]:
    """The `loralab ...` lines of the page's bash blocks, without comments."""
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))[:1] == ["loralab"]]


def test_the_configuration_pages_are_those_of_the_schema() -> None:
    for path, text in load_script("make_docs").pages().items():
        assert path.read_text("utf-8") == text, "run: python scripts/make_docs.py"


def test_the_memory_pages_are_those_of_the_plan() -> None:
    for path, text in load_script("make_memory_docs").pages().items():
        assert path.read_text("utf-8") == text, "run: python scripts/make_memory_docs.py"


def test_every_page_has_its_pair() -> None:
    assert [p.name for p in PAIRS] == [
        "README.md",
        "board.md",
        "configuration.md",
        "data.md",
        "engine.md",
        "evaluation.md",
        "faults.md",
        "library.md",
        "memory.md",
        "scale.md",
        "security.md",
        "speed.md",
        "study.md",
        "tracking.md",
        "tutorial.md",
    ]


@pytest.mark.parametrize("page", ["data.md", "data.zh-CN.md"])
def test_the_data_page_names_every_shape_reason_and_repair(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert [name for name in (*FORMATS, *REASONS, *REPAIRS) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", ["evaluation.md", "evaluation.zh-CN.md"])
def test_the_evaluation_page_names_every_task(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    whole = [name for name in TASKS if not name.startswith("lexeval:")]
    assert [
        name
        for name in whole
        if f"`{name}`" not in text and f"`{name.removeprefix('lawbench:')}`" not in text
    ] == []


@pytest.mark.parametrize("page", PAIRS, ids=lambda p: p.name)
def test_both_languages_have_the_same_sections_and_code(page: Path) -> None:
    chinese = page.with_suffix(".zh-CN.md")
    levels = [
        re.findall(r"^(#+) ", BLOCK.sub("", p.read_text("utf-8")), re.MULTILINE) for p in (page, chinese)
    ]
    assert levels[0] == levels[1]
    assert commands(page) == commands(chinese)
    assert [lang for lang, _ in BLOCK.findall(page.read_text("utf-8"))] == [
        lang for lang, _ in BLOCK.findall(chinese.read_text("utf-8"))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    found = LINK.findall(page.read_text("utf-8"))
    assert [link for link in found if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_use_verbs_and_settings_that_exist(page: Path) -> None:
    for words in commands(page):
        assert words[1].startswith("--") or words[1] in VERBS, words
        settings = [w for w in words[2:] if re.match(r"[a-z]+\.[a-z_]+=", w)]
        make_config(["model.name=m", "data.train=d", *(w for w in settings if "$" not in w)])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_make_targets_exist(page: Path) -> None:
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    found = [word for made in words if made[:1] == ["make"] for word in made[1:] if "=" not in word]
    known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(found) <= set(known)


@pytest.mark.parametrize("page", [p for p in PAGES if p.name.startswith("library")], ids=lambda p: p.name)
def test_python_of_the_library_page_compiles(page: Path) -> None:
    found = blocks(page, "python")
    assert found
    for text in found:
        compile(text, str(page), "exec")
