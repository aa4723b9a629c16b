"""A Config as text: what is written is read back equal."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loralab.config import Config, Slice, load_config
from loralab.config.load import SECTIONS
from loralab.config.render import reference, starter, to_dict, to_yaml
from loralab.config.schema import DataConfig, DataSource

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
PATHS = TEXT.map(lambda t: "/" + t.strip("/. ").replace("/", "_") or "x").filter(lambda p: p != "/")
COUNTS = st.integers(1, 10**15)
FLOATS = st.floats(1e-12, 1e12)
ADDRESSES = TEXT.map(lambda t: f"hf://owner/name/{t}")
SOURCES = (
    PATHS
    | ADDRESSES
    | st.builds(DataSource, PATHS | ADDRESSES, weight=st.floats(1e-12, 1000))
    | st.builds(DataSource, PATHS | ADDRESSES, rows=COUNTS)
)
SLICES = st.tuples(st.integers(0, 10**9), COUNTS).map(lambda p: Slice(p[0], p[0] + p[1]))


FILES = st.just("auto") | PATHS | ADDRESSES
# an earlier split, or a choice of rows
CHOICES: st.SearchStrategy[dict[str, st.SearchStrategy[Any]]] = st.sampled_from([
    {"split": PATHS, "test": FILES, "probes": FILES},
    {"split": st.none(), "stratify": st.sampled_from(["none", "file"]), "split_seed": st.integers(0, 9),
     "test": FILES | st.none() | st.integers(0, 10**9) | SLICES, "probes": FILES | st.integers(0, 10**9) | SLICES},
])  # fmt: skip


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Configs as loading makes them: absolute paths, and epochs or max_steps."""

    def section(of: str, /, **values: st.SearchStrategy[Any]) -> Any:
        return SECTIONS[of](**{key: draw(value) for key, value in values.items()})

    epochs, max_steps = draw(st.tuples(FLOATS, st.none()) | st.tuples(st.none(), COUNTS))
    fields = st.sampled_from(
        [{}, {"system": "on"}, {"question": "no", "answer": "1e3"}, {"messages": "null"}]
    )
    return Config(
        section("model", name=PATHS | st.just("owner/name"), revision=st.none() | TEXT, dtype=st.just("bfloat16"),
                device_map=st.none() | st.just("auto")
                | st.dictionaries(st.sampled_from(["", "model", "on.1e3"]), st.sampled_from(["cpu", "cuda:0"]), min_size=1)),
        section("data", train=st.lists(SOURCES, min_size=1, max_size=3).map(tuple), rows=st.none() | SLICES,
                **draw(CHOICES), train_turns=st.sampled_from(["all", "last"]),
                near_duplicates=st.sampled_from(["asked", "all", "off"]),
                fields=fields, system=st.none() | TEXT, max_tokens=COUNTS),
        section("lora", alpha=FLOATS, targets=st.lists(TEXT, min_size=1, max_size=3).map(tuple),
                rank_stabilised=st.booleans(), init=st.just("fresh") | PATHS),
        section("train", epochs=st.just(epochs), max_steps=st.just(max_steps), learning_rate=FLOATS,
                recompute=st.sampled_from(["on", "off"]), keep_checkpoints=st.none() | COUNTS),
        section("evaluate", stages=st.sampled_from([(), ("after",), ("before", "epoch")])),
        section("track", swanlab=st.sampled_from(["off", "local"]), project=TEXT),
        section("run", dir=PATHS, name=st.none() | TEXT),
    )  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_a_resolved_config_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, config: Config
) -> None:
    path = tmp_path_factory.getbasetemp() / "resolved.yaml"
    path.write_text(to_yaml(config), "utf-8")
    assert load_config(path, environment={}) == config


def test_a_folder_with_a_dollar_sign_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "$5"
    folder.mkdir()
    (folder / "law.yaml").write_text("model: {name: a/b}\ndata: {train: rows.jsonl, test: t.jsonl}", "utf-8")
    config = load_config(folder / "law.yaml")
    (tmp_path / "copy.yaml").write_text(to_yaml(config), "utf-8")
    assert load_config(tmp_path / "copy.yaml") == config
    assert config.data.train == (str(folder / "rows.jsonl"),)


def test_every_path_of_a_mixture_and_of_an_earlier_run_keeps_its_dollar_sign(tmp_path: Path) -> None:
    text = (
        "model: {name: a/b}\ndata: {train: [/x/$$1, {path: /x/$$2, weight: 2}, hf://o/n/$3], split: /x/$$4,"
        " test: hf://o/n/$5}"
    )
    (tmp_path / "law.yaml").write_text(text, "utf-8")
    config = load_config(tmp_path / "law.yaml", environment={})
    assert config.data.train == ("/x/$1", DataSource("/x/$2", 2.0), "hf://o/n/$3")
    assert (config.data.split, config.data.test) == ("/x/$4", "hf://o/n/$5")
    (tmp_path / "copy.yaml").write_text(to_yaml(config), "utf-8")
    assert load_config(tmp_path / "copy.yaml", environment={}) == config


def test_a_source_is_written_with_what_it_says_alone() -> None:
    sources = ("/a", DataSource("/b"), DataSource("/c", 2.0), DataSource("/d", rows=5))
    written = to_dict(Config(data=DataConfig(train=sources)))["data"]["train"]
    assert written == ["/a", {"path": "/b"}, {"path": "/c", "weight": 2.0}, {"path": "/d", "rows": 5}]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_starter_is_a_config_of_about_ten_keys_with_the_defaults(tmp_path: Path, language: str) -> None:
    path = tmp_path / "law.yaml"
    path.write_text(starter(language), "utf-8")
    config = load_config(path)
    now, default = to_dict(config), to_dict(Config())
    changed = {f"{s}.{key}" for s, keys in now.items() for key in keys if keys[key] != default[s][key]}
    assert changed == {"model.name", "data.train", "data.system", "run.dir"}
    keys = [key for section in yaml.safe_load(starter(language)).values() for key in section]
    assert 8 <= len(keys) <= 15


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_reference_names_every_key_once(language: str) -> None:
    page = reference(language)
    for section, cls in SECTIONS.items():
        table = page.split(f"## {section}\n")[1].split("\n## ")[0]
        for item in dataclasses.fields(cls):
            assert table.count(f"| `{item.name}` |") == 1
            assert item.metadata["doc_zh" if language == "zh" else "doc"] in table
