"""The table of statutes: built from texts, found under every name."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from doubles.shared_data import SHARED, needs_shared_data
from loralab.evaluate.citation import names, table
from loralab.evaluate.citation.names import canonical, is_law, statute

SCRIPT = Path(__file__).parents[3] / "scripts" / "build_statutes.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_statutes", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with one law of two articles and a 之一."""
    law = {"name": "中华人民共和国茶法", "short_names": ["茶法", "茶"], "version_date": "2024-01-01", "last_article": 2, "sub_articles": 1}  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"law": law["name"], "article": a, "article_sub": s} for a, s in ((1, 0), (1, 1), (2, 0))
    ]
    (tmp_path / "laws.json").write_text(json.dumps([law]), "utf-8")
    (tmp_path / "statutes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return tmp_path


def test_the_script_counts_what_the_texts_hold(script: ModuleType, texts: Path) -> None:
    built = script.statutes_table(texts, "a shelf")
    assert built["laws"][0] == {
        "name": "中华人民共和国茶法", "short_names": ["茶"], "last_article": 2, "sub_articles": [[1, 1]],
        "version_date": "2024-01-01", "source": "counted",
    }  # fmt: skip
    assert built["sources"]["counted"] == "a shelf"
    assert json.loads(script.to_text(built)) == built


def test_the_script_refuses_files_that_disagree(
    script: ModuleType, texts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (texts / "statutes.jsonl").write_text("", "utf-8")
    monkeypatch.setattr(sys, "argv", ["build_statutes.py", str(texts), "--out", str(texts / "out.json")])
    with pytest.raises(SystemExit):
        script.main()
    assert "count different articles" in capsys.readouterr().err
    assert not (texts / "out.json").exists()


@needs_shared_data
def test_the_shipped_table_is_what_the_script_writes(script: ModuleType) -> None:
    shipped = (Path(table.__file__).parent / "statutes.json").read_text("utf-8")
    assert shipped == script.to_text(script.statutes_table(SHARED / "statutes"))


def test_every_name_finds_its_law_and_no_name_two() -> None:
    for law in table.by_key().values():
        for name in (law.name, law.key, *law.short_names, f"《{law.name}》", f"{law.key}（2020年修正）"):
            assert statute(name) == law, name
    count = sum(1 + len(law.short_names) for law in table.by_key().values())
    assert len(table.short_names()) == count


def test_what_is_counted_has_a_date_and_a_source() -> None:
    counted = [law for law in table.by_key().values() if law.last_article is not None]
    assert len(counted) == 107 + 9
    assert all(law.version_date and re.fullmatch(r"\d{4}-\d\d-\d\d", law.version_date) for law in counted)
    assert all(law.source for law in table.by_key().values())


def test_a_law_holds_its_articles_and_no_others() -> None:
    criminal = statute("刑法")
    assert criminal and (criminal.last_article, criminal.version_date) == (452, "2023-12-29")
    assert criminal.holds(452) and criminal.holds(133, 1)
    assert not (criminal.holds(453) or criminal.holds(0) or criminal.holds(452, 1))
    assert statute("离婚法") is None


@pytest.mark.parametrize(
    "title",
    ["最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释", "《民诉法解释》", "民事诉讼法司法解释", "关于适用《民事诉讼法》若干问题的解释",
     "《最高人民法院关于适用〈中华人民共和国民事诉讼法〉的解释》（2022年修正）"],
)  # fmt: skip
def test_an_interpretation_has_one_name(title: str) -> None:
    assert canonical(title) == "关于适用民事诉讼法的解释"


@pytest.mark.parametrize(
    ("title", "key"),
    [("民法典婚姻家庭编", "民法典"), ("新公司法", "公司法"), ("我国刑法", "刑法"), ("民法商法保险法", "保险法"),
     ("刑法修正案（十一）", "刑法修正案(十一)"), ("民法总则", "民法总则"), ("中国人民银行法", "中国人民银行法"), ("离婚法", "离婚法"),
     ("民法典婚姻家庭编解释（一）", "关于适用民法典婚姻家庭编的解释(一)")],
)  # fmt: skip
def test_titles_have_canonical_names(title: str, key: str) -> None:
    assert canonical(title) == key
    assert canonical(key) == key


def test_contracts_and_books_are_no_laws() -> None:
    assert not any(map(is_law, ("劳动合同", "租赁协议", "公司章程", "红楼梦", "起诉状", "")))
    assert all(map(is_law, ("劳动合同法", "民诉法", "工伤保险条例", "海牙公约", "关于适用刑法的解释（一）")))
    assert names.is_foreign("德国民法典") and not names.is_foreign("民法典")
