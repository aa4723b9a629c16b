"""A config file and overrides in, a Config out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loralab.config import Config, Slice, make_config, override
from loralab.config.schema import DataSource
from loralab.errors import UsageError

BASE = "model: {name: owner/name}\ndata: {train: rows.jsonl}\n"


def with_keys(lines: str) -> str:
    return BASE + lines


# ------------------------------------------------------------------------------------- what is accepted


def test_a_file_with_the_two_required_keys_has_the_defaults_elsewhere(load: Callable[..., Config]) -> None:
    config = load(BASE)
    assert config.train == Config().train
    assert config.lora == Config().lora
    assert config.model.name == "owner/name"


@pytest.mark.parametrize(
    ("lines", "section", "key", "value"),
    [
        ("train: {learning_rate: 1e-4}", "train", "learning_rate", 1e-4),
        ("train: {learning_rate: 2.E-5}", "train", "learning_rate", 2e-5),
        ("train: {learning_rate: .001}", "train", "learning_rate", 1e-3),
        ("train: {epochs: 1}", "train", "epochs", 1.0),
        ("train: {epochs: 0.5}", "train", "epochs", 0.5),
        ("train: {seed: +7}", "train", "seed", 7),
        ("train: {recompute: on}", "train", "recompute", "on"),
        ("train: {recompute: off}", "train", "recompute", "off"),
        ("track: {swanlab: off}", "track", "swanlab", "off"),
        ("train: {shuffle: off}", "train", "shuffle", False),
        ("train: {shuffle: No}", "train", "shuffle", False),
        ("train: {shuffle: yes}", "train", "shuffle", True),
        ("train: {shuffle: on}", "train", "shuffle", True),
        ("train: {shuffle: 'true'}", "train", "shuffle", True),
        ("run: {name: no}", "run", "name", "no"),
        ("run: {name: 007}", "run", "name", "007"),
        ("run: {name: 2026-01-02}", "run", "name", "2026-01-02"),
        ("run: {name: ~}", "run", "name", None),
        ("run: {name: 'null'}", "run", "name", "null"),
        ("lora: {targets: q_proj}", "lora", "targets", ("q_proj",)),
        ("lora: {targets: [q_proj, v_proj]}", "lora", "targets", ("q_proj", "v_proj")),
        ("evaluate: {stages: []}", "evaluate", "stages", ()),
        ("evaluate: {stages: after}", "evaluate", "stages", ("after",)),
        ("train: {keep_checkpoints: all}", "train", "keep_checkpoints", None),
        ("train: {keep_checkpoints: 3}", "train", "keep_checkpoints", 3),
        ("lora: {init: fresh}", "lora", "init", "fresh"),
        ("model: {name: a/b, revision: 1e3}", "model", "revision", "1e3"),
    ],
)
def test_a_value_is_read_as_its_field_expects(
    load: Callable[..., Config], lines: str, section: str, key: str, value: object
) -> None:
    base = BASE if not lines.startswith("model") else "data: {train: rows.jsonl}\n"
    found = getattr(getattr(load(base + lines), section), key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "test", "probes"),
    [
        ("auto", "auto", "auto"), ("20", 20, 20), ("0", 0, 0), ("0:5", Slice(0, 5), Slice(0, 5)),
        ("5000:5200", Slice(5000, 5200), Slice(5000, 5200)), ("none", None, 0), ("", None, 0), ("~", None, 0),
    ],
)  # fmt: skip
def test_the_choice_of_rows(load: Callable[..., Config], written: str, test: object, probes: object) -> None:
    data = load(f"model: {{name: a/b}}\ndata:\n  train: a.jsonl\n  test: {written}\n  probes: {written}").data
    assert (data.test, data.probes) == (test, probes)


def test_the_choice_of_rows_may_be_a_file(load: Callable[..., Config], tmp_path: Path) -> None:
    data = load("model: {name: a/b}\ndata: {train: a.jsonl, test: t.json, probes: ../p.json}").data
    assert (data.test, data.probes) == (str(tmp_path / "t.json"), str(tmp_path.parent / "p.json"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("{system: instruction, question: input, answer: output}",
         {"system": "instruction", "question": "input", "answer": "output"}),
        ("{messages: turns}", {"messages": "turns"}), ("{system: instruction}", {"system": "instruction"}),
        ("{question: no, answer: 'on'}", {"question": "no", "answer": "on"}), ("", {}),
    ],
)  # fmt: skip
def test_fields(load: Callable[..., Config], fields: str, expected: dict[str, str]) -> None:
    assert load(f"model: {{name: a/b}}\ndata:\n  train: a.jsonl\n  fields: {fields}").data.fields == expected


def test_a_byte_order_mark_and_crlf_do_no_harm(load: Callable[..., Config]) -> None:
    assert load(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode()) == load(BASE)


# -------------------------------------------------------------------------------------------- paths


def test_paths_in_a_file_are_relative_to_the_file_and_in_overrides_to_the_working_folder(
    load: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    text = (
        "model: {name: ./m}\ndata: {train: [a.jsonl, sub/../b.jsonl], test: t.jsonl}\nlora: {init: adapter}"
    )
    config = load(text)
    assert config.model.name == str(tmp_path / "m")
    assert config.data.train == (str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    assert config.data.test == str(tmp_path / "t.jsonl")
    assert config.lora.init == str(tmp_path / "adapter")
    assert load(text, "data.train=c.jsonl").data.train == (str(elsewhere / "c.jsonl"),)
    assert load(text, "lora.init=x").lora.init == str(elsewhere / "x")


def test_run_dir_is_relative_to_the_working_folder(
    load: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert load(with_keys("run: {dir: out}")).run.dir == str(tmp_path / "work" / "out")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("~/a.jsonl", "/home/somebody/a.jsonl"), ("~", "/home/somebody"), ("$DATA/a.jsonl", "/data/a.jsonl"),
        ("${DATA}x/a.jsonl", "/datax/a.jsonl"), ("/x/$$DATA", "/x/$DATA"), ("/x/a~b", "/x/a~b"), ("/x/5$", "/x/5$"),
    ],
)  # fmt: skip
def test_home_and_variables_expand(load: Callable[..., Config], written: str, expected: str) -> None:
    assert load(f'model: {{name: a/b}}\ndata: {{train: ["{written}"]}}', DATA="/data").data.train == (
        expected,
    )


@pytest.mark.parametrize(
    "address",
    ["hf://owner/name/a.jsonl", "modelscope://owner/name/x/*.json", "hf://owner/name@1a2b/$a.jsonl", "s3://bucket/a", "hf://o/n/../a"],
)  # fmt: skip
def test_an_address_on_a_hub_stays_as_it_is_written(load: Callable[..., Config], address: str) -> None:
    text = f"model: {{name: a/b}}\ndata: {{train: [{address}, {{path: {address}, weight: 2}}]}}"
    config = load(text, f"data.test={address}", f"data.probes={address}")
    assert config.data.train == (address, DataSource(address, 2.0))
    assert (config.data.test, config.data.probes) == (address, address)
    assert load(text, f"data.train={address}").data.train == (address,)


def test_an_earlier_run_is_a_path(load: Callable[..., Config], tmp_path: Path) -> None:
    text = "model: {name: a/b}\ndata: {train: a.jsonl, split: "
    assert load(text + "runs/0001-law}").data.split == str(tmp_path / "runs/0001-law")
    assert load(text + "$RUN/data/split.json}", RUN="/runs/1").data.split == "/runs/1/data/split.json"
    assert load(text + "}").data.split is load(text + "null}").data.split is None


def test_an_undefined_variable_is_an_error(mistakes: Callable[..., list[str]]) -> None:
    found = mistakes("model: {name: a/b}\ndata:\n  train: $NOWHERE/a.jsonl")
    assert found == ["law.yaml:3: data.train uses $NOWHERE, which is not defined in the environment"]


def test_a_model_name_is_a_path_only_if_such_a_folder_exists(
    load: Callable[..., Config], tmp_path: Path
) -> None:
    assert load(BASE).model.name == "owner/name"
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert load(BASE).model.name == str(tmp_path / "owner" / "name")


def test_a_model_name_too_long_for_a_path_is_a_name(load: Callable[..., Config]) -> None:
    name = "x" * 5000
    assert load(f"model: {{name: {name}}}\ndata: {{train: a.jsonl}}").model.name == name


# ----------------------------------------------------------------------------------------- overrides


def test_overrides_obey_the_rules_of_the_file(load: Callable[..., Config]) -> None:
    config = load(
        BASE, "train.learning_rate=1e-5", "track.swanlab=off", "train.shuffle=off", "data.test=0:3",
        "lora.targets=[q_proj, v_proj]", "data.fields={question: q, answer: a}", "data.system=是: 否 # 不",
    )  # fmt: skip
    assert config.train.learning_rate == 1e-5
    assert (config.track.swanlab, config.train.shuffle) == ("off", False)
    assert config.data.test == Slice(0, 3)
    assert config.lora.targets == ("q_proj", "v_proj")
    assert config.data.fields == {"question": "q", "answer": "a"}
    assert config.data.system == "是: 否 # 不"


def test_the_last_override_of_a_key_counts_and_beats_the_file(load: Callable[..., Config]) -> None:
    assert load(with_keys("train: {seed: 1}"), "train.seed=2", "train.seed=3").train.seed == 3


def test_override_changes_nothing_else(load: Callable[..., Config]) -> None:
    config = load(with_keys("train: {seed: 1}\ndata: {}").replace("\ndata: {}", ""))
    changed = override(config, ["train.epochs=3"])
    assert changed.train.epochs == 3
    assert override(changed, ["train.epochs=2"]) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train.epoch=3", "command line: unknown key train.epoch; did you mean epochs?"),
        ("trian.epochs=3", "trian.epochs: unknown key trian; did you mean train?"),
        ("epochs=3", "epochs: an override is written section.key=value, such as train.epochs=3"),
        ("train.epochs", "train.epochs: an override is written section.key=value, such as train.epochs=3"),
        ("train.epochs=", "command line: train.epochs is empty and train.max_steps is not set"),
        ("train.seed=x", "command line: train.seed is 'x', must be a whole number"),
        ("data.train=[a", "data.train: is not valid YAML: value"),
        ("data.train=" + "[" * 1500, "data.train: is not valid YAML: value"),
        ('data.system="\\UFFFFFFFF"', "data.system: is not valid YAML: value"),
    ],
)
def test_mistakes_in_overrides(mistakes: Callable[..., list[str]], text: str, said: str) -> None:
    assert mistakes(BASE, text) == [said]


def test_a_misspelt_section_is_not_said_to_lack_its_keys_too(mistakes: Callable[..., list[str]]) -> None:
    assert mistakes("model: {name: a/b}\ndat: {train: x.jsonl}") == [
        "law.yaml:2: unknown key dat; did you mean data?"
    ]
    assert mistakes("model: {name: a/b}", "dat.train=x.jsonl") == [
        "dat.train: unknown key dat; did you mean data?"
    ]


def test_an_override_that_ends_in_a_strange_digit_is_still_only_a_mistake() -> None:
    with pytest.raises(UsageError, match="section"):
        make_config(["a:²"])
