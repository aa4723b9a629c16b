"""The page of the recipes names every file, leads somewhere, and says the same in both languages."""

from __future__ import annotations

import re
from pathlib import Path

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
PAGES = (RECIPES / "README.md", RECIPES / "README.zh-CN.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def test_every_file_is_named_and_every_link_leads_somewhere() -> None:
    files = {str(p.relative_to(RECIPES)) for p in RECIPES.rglob("*") if p.is_file() and p not in PAGES}
    assert len(files) > 5
    for page in PAGES:
        links = LINK.findall(page.read_text("utf-8"))
        assert files - set(links) == set()
        assert [link for link in links if not (RECIPES / link).exists()] == []


def test_both_languages_have_the_same_sections_and_commands() -> None:
    english, chinese = (page.read_text("utf-8") for page in PAGES)
    assert BLOCK.findall(english) == BLOCK.findall(chinese)
    levels = [re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE) for text in (english, chinese)]
    assert levels[0] == levels[1] and len(levels[0]) > 3


def test_the_guide_to_more_than_one_device_leads_here() -> None:
    for name, own in (("scale.md", "README.md"), ("scale.zh-CN.md", "README.zh-CN.md")):
        assert f"](recipes/{own})" in (RECIPES.parent / name).read_text("utf-8")
