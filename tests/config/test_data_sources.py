"""What data.train may hold: paths, and paths with a weight or a number of rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import Config, load_config, make_config
from loralab.config.coerce import MOST_WEIGHT
from loralab.config.schema import DataConfig, DataSource
from loralab.errors import UsageError


def load(folder: Path, train: str, *overrides: str) -> Config:
    file = folder / "law.yaml"
    file.write_text(f"model: {{name: a/b}}\ndata:\n  train: {train}\n", "utf-8")
    return load_config(file, overrides, {"DATA": "/data"})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/a", ["/a"]), ("[/a, /b]", ["/a", "/b"]), ("{path: /a}", [DataSource("/a")]),
        ("{path: /a, weight: 2}", [DataSource("/a", 2.0)]), ("{path: /a, weight: 2.5e-1}", [DataSource("/a", 0.25)]),
        ("{path: /a, rows: 1000}", [DataSource("/a", 1.0, 1000)]), ("{weight: 1, path: /a}", [DataSource("/a")]),
        ("[/a, {path: /b, weight: 0.5}, {path: /a, rows: 1}]", ["/a", DataSource("/b", 0.5), DataSource("/a", 1.0, 1)]),
        ("[{path: $DATA/*.jsonl, weight: 3}]", [DataSource("/data/*.jsonl", 3.0)]),
        ('[{"path": "/x/$$1.jsonl", "rows": +5}]', [DataSource("/x/$1.jsonl", 1.0, 5)]),
    ],
)  # fmt: skip
def test_sources_are_paths_with_or_without_a_weight(
    tmp_path: Path, written: str, expected: list[str | DataSource]
) -> None:
    assert load(tmp_path, written).data.train == tuple(expected)
    assert make_config(["model.name=a/b", f"data.train={written}"], {"DATA": "/data"}).data.train == tuple(
        expected
    )


def test_paths_of_sources_are_relative_to_the_file_and_in_overrides_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (one,) = load(tmp_path, "{path: a.jsonl, weight: 2}").data.sources
    (other,) = load(tmp_path, "x", "data.train={path: a.jsonl, weight: 2}").data.sources
    assert one == DataSource(str(tmp_path / "a.jsonl"), 2.0)
    assert other == DataSource(str(tmp_path / "elsewhere" / "a.jsonl"), 2.0)


def test_sources_in_many_lines(tmp_path: Path) -> None:
    lines = "\n  - /a\n  - path: /b\n    weight: 2\n  - {path: /c, rows: 3}"
    assert load(tmp_path, lines).data.sources == (
        DataSource("/a"), DataSource("/b", 2.0), DataSource("/c", 1.0, 3),
    )  # fmt: skip


@given(st.lists(st.sampled_from(["/a", DataSource("/b", 2.0), DataSource("/c", rows=3)]), max_size=5))
def test_every_source_has_a_weight(train: list[str | DataSource]) -> None:
    sources = DataConfig(train=tuple(train)).sources
    assert [s.path for s in sources] == [t if isinstance(t, str) else t.path for t in train]
    assert all(s == (DataSource(t) if isinstance(t, str) else t) for s, t in zip(sources, train, strict=True))


WEIGHT = f"has a weight that is not above 0 and at most {MOST_WEIGHT}"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{weight: 2}", "must name a path, as in {path: law.jsonl, weight: 2}"),
        ("{}", "must name a path, as in {path: law.jsonl, weight: 2}"),
        ("{path: }", "has no value"), ("{path: ''}", "has no value"), ("{path: null}", "has no value"),
        ("{path: /a, weight: }", "has no value"), ("[{path: /a, rows: ~}]", "has no value"),
        ("{path: [/a]}", "must be a single value"), ("{path: {path: /a}}", "must be a single value"),
        ("[[/a]]", "must be a single value"), ("{[path]: /a}", "must be a single value"),
        ("{path: /a, path: /b}", "names path twice"), ("{path: /a, weight: 1, weight: 1}", "names weight twice"),
        ("{path: /a, weight: 1, rows: 5}", "names weight and rows for one path; one of them would have no effect"),
        ("{path: /a, wieght: 2}", "is 'wieght', must be one of: path, weight, rows"),
        ("{path:/a}", "is 'path:...', must be one of: path, weight, rows"),
        ("{/a: 2}", "is '/a', must be one of: path, weight, rows"),
        ("{path: /a, weight: 0}", WEIGHT), ("{path: /a, weight: -1}", WEIGHT),
        (f"{{path: /a, weight: {MOST_WEIGHT + 1}}}", WEIGHT), ("{path: /a, weight: 1e18}", WEIGHT),
        ("{path: /a, weight: two}", "is 'two', must be a number"),
        ("{path: /a, weight: '2'}", "is '2', must be a number"),
        ("{path: /a, weight: .inf}", "is '.inf', must be a number"),
        ("{path: /a, weight: nan}", "is 'nan', must be a number"),
        ("{path: /a, rows: 0}", "has a number of rows that is not at least 1"),
        ("{path: /a, rows: -3}", "has a number of rows that is not at least 1"),
        ("{path: /a, rows: 2.0}", "is '2.0', must be a whole number"),
        ("{path: /a, rows: 0:5}", "is '0:5', must be a whole number"),
        ("{path: /a, rows: " + "9" * 30 + "}", "is too large a number"),
        ("{path: $NOWHERE/a}", "uses $NOWHERE, which is not defined in the environment"),
        ("[/a, {path: /b, weight: 0}]", WEIGHT), ("{path: !!python/name:os.x /a}", "must be a plain value, without a YAML tag"),
    ],
)  # fmt: skip
def test_a_source_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, written: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, written)
    assert str(caught.value) == f"{tmp_path / 'law.yaml'}:3: data.train {said}"
    assert "data.train" in caught.value.text("zh")


@pytest.mark.parametrize("written", ["", "[]", "null", "~"])
def test_no_source_is_no_data(tmp_path: Path, written: str) -> None:
    with pytest.raises(UsageError, match=r"data\.train is required"):
        load(tmp_path, written)
