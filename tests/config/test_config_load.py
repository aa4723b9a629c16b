"""A config file and overrides in, a Config or every mistake at once out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import Config, Slice, load_config, make_config, override
from loralab.errors import EXIT_USAGE, UsageError

BASE = "model: {name: owner/name}\ndata: {train: rows.jsonl}\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(text: str | bytes) -> Path:
        path = tmp_path / "law.yaml"
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture
def load(write: Callable[[str | bytes], Path]) -> Callable[..., Config]:
    def load(text: str | bytes, *overrides: str, **environment: str) -> Config:
        return load_config(write(text), overrides, {"HOME": "/home/somebody", **environment})

    return load


@pytest.fixture
def mistakes(load: Callable[..., Config], tmp_path: Path) -> Callable[..., list[str]]:
    """The problems of a config, one line each, without the folder it is in."""

    def mistakes(text: str | bytes, *overrides: str) -> list[str]:
        with pytest.raises(UsageError) as caught:
            load(text, *overrides)
        assert caught.value.exit_code == EXIT_USAGE
        return [
            f"{p.where.replace(f'{tmp_path}/', '')}: {p.what}" if p.where else str(p.what)
            for p in caught.value.problems
        ]

    return mistakes


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


# ------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("train: {epohcs: 3}", "unknown key train.epohcs; did you mean epochs?"),
        ("trian: {}", "unknown key trian; did you mean train?"),
        ("train: {rank: 3}", "unknown key train.rank; it belongs under lora:"),
        ("train: {batch_rows: 4.0}", "train.batch_rows is '4.0', must be a whole number"),
        ("train: {batch_rows: '4'}", "train.batch_rows is '4', must be a whole number"),
        ("train: {batch_rows: 4_000}", "train.batch_rows is '4_000', must be a whole number"),
        ("train: {batch_rows: 0}", "train.batch_rows must be at least 1"),
        ("train: {batch_rows: [4]}", "train.batch_rows must be a single value"),
        ("train: {batch_rows: }", "train.batch_rows has no value"),
        ("train: {seed: 123456789012345678901}", "train.seed is too large a number"),
        ("train: {learning_rate: fast}", "train.learning_rate is 'fast', must be a number"),
        ("train: {learning_rate: .nan}", "train.learning_rate is '.nan', must be a number"),
        ("train: {learning_rate: inf}", "train.learning_rate is 'inf', must be a number"),
        ("train: {learning_rate: 1_0}", "train.learning_rate is '1_0', must be a number"),
        ("train: {learning_rate: -1}", "train.learning_rate must be above 0"),
        ("lora: {dropout: 1}", "lora.dropout must be from 0 to below 1"),
        ("train: {shuffle: maybe}", "train.shuffle is 'maybe', must be true or false"),
        ("train: {shuffle: 1}", "train.shuffle is '1', must be true or false"),
        ("track: {swanlab: on}", "track.swanlab is 'on', must be one of: auto, online, offline, local, off"),
        ("lora: {targets: []}", "lora.targets must name at least one layer"),
        ("lora: {init: }", "lora.init has no value"),
        ("run: {dir: }", "run.dir has no value"),
        ("run: {dir: ''}", "run.dir has no value"),
        ("evaluate: {stages: [before, during]}",
         "evaluate.stages is 'during', must be one of: before, epoch, after"),
        ("train: {keep_checkpoints: 0}", "train.keep_checkpoints must be all or at least 1"),
        ("lora: 3", "lora must hold keys, one a line"),
        ("[a]: 3", "a key must be a word"),
        ("train: {seed: !!python/object/apply:os.getpid []}",
         "train.seed must be a plain value, without a YAML tag"),
        ("train: !!python/object:os.x {seed: 1}", "train must be a plain value, without a YAML tag"),
        ("train: {!!python/name:os.x seed: 1}", "a key must be a word"),
        ("lora: {targets: [!!binary aGk=]}", "lora.targets must be a plain value, without a YAML tag"),
        ("lora: {targets: &x [*x]}", "lora.targets must be a single value"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(mistakes: Callable[..., list[str]], lines: str, said: str) -> None:
    assert mistakes(with_keys(lines)) == [f"law.yaml:3: {said}"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("rows: 5:5", "data.rows is '5:5', must be a range start:stop such as 0:5000"),
        ("rows: 7", "data.rows is '7', must be a range start:stop such as 0:5000"),
        ("rows: 0:" + "9" * 5000, "data.rows is too large a number"),
        ("test: -1", "data.test must not be negative"),
        ("test: 6:5", "data.test is '6:5', must be a range start:stop such as 0:5000"),
        ("test: ''", "data.test has no value"),
        ("test: hf://owner/set", "data.test is 'hf://owner/set'; this version reads data files on disk only"),
        ("max_tokens: " + "9" * 5000, "data.max_tokens is too large a number"),
        ("fields: question", "data.fields must be a mapping such as {question: query, answer: response}"),
        ("fields: {question: a, question: b, answer: c}", "data.fields names question twice"),
        ("fields: {question: a}", "data.fields must name question and answer, or messages, or system alone"),
        ("fields: {messages: a, question: b}",
         "data.fields must name question and answer, or messages, or system alone"),
        ("fields: {question: a, answer: }", "data.fields has no value"),
        ("fields: {prompt: a}", "data.fields is 'prompt', must be one of: system, question, answer, messages"),
        ('system: "\\ud800"', "data.system holds a character that YAML forbids"),
        ('test: "a\\0b"', "data.test holds a character that YAML forbids"),
        ("fields: {question: a, answer: b}\n  format: alpaca",
         "data.fields and data.format are both set; data.format would have no effect"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_choice_of_data(mistakes: Callable[..., list[str]], keys: str, said: str) -> None:
    line = 5 if "\n" in keys else 4
    assert mistakes(f"model: {{name: a/b}}\ndata:\n  train: a.jsonl\n  {keys}") == [
        f"law.yaml:{line}: {said}"
    ]


def test_three_mistakes_are_told_at_once_in_order(mistakes: Callable[..., list[str]]) -> None:
    text = (
        "train:\n  epohcs: 3\nmodel: {name: a/b}\ndata:\n  train: a\n  max_tokens: 0\nlora:\n  rank: many\n"
    )
    assert mistakes(text) == [
        "law.yaml:2: unknown key train.epohcs; did you mean epochs?",
        "law.yaml:6: data.max_tokens must be at least 1",
        "law.yaml:8: lora.rank is 'many', must be a whole number",
    ]


def test_lines_sort_as_numbers(mistakes: Callable[..., list[str]]) -> None:
    text = "train:\n  a: 1\n" + "\n" * 8 + "  b: 1\n" + BASE
    assert [m.split(":")[1] for m in mistakes(text)] == ["2", "11"]


def test_a_repeated_key_is_an_error_at_its_second_line(mistakes: Callable[..., list[str]]) -> None:
    assert mistakes(with_keys("train:\n  seed: 1\n  seed: 1")) == [
        "law.yaml:5: train.seed is set twice, first in line 4"
    ]
    assert mistakes(with_keys("train: {}\ntrain: {}")) == ["law.yaml:4: train is set twice, first in line 3"]


def test_missing_required_keys(mistakes: Callable[..., list[str]]) -> None:
    both = ["law.yaml: model.name is required", "law.yaml: data.train is required"]
    for text in ("", "# nothing\n", "model:\ndata: {train: }\n", "train: {seed: 1}"):
        found = mistakes(text)
        assert len(found) == 2
        assert {f.split(": ", 1)[1] for f in found} == {b.split(": ", 1)[1] for b in both}


def test_a_misspelt_required_key_is_one_mistake(mistakes: Callable[..., list[str]]) -> None:
    assert mistakes("model: {nmae: a/b}\ndata: {train: a}") == [
        "law.yaml:1: unknown key model.nmae; did you mean name?"
    ]


def test_epochs_and_max_steps_exclude_each_other(
    load: Callable[..., Config], mistakes: Callable[..., list[str]]
) -> None:
    said = "train.epochs and train.max_steps are both set; one of them would have no effect"
    assert load(with_keys("train: {max_steps: 5}")).train.epochs is None
    assert load(with_keys("train: {max_steps: 5, epochs: null}")).train.max_steps == 5
    assert mistakes(with_keys("train:\n  max_steps: 5" + "\n" * 6 + "  epochs: 2")) == [
        f"law.yaml:10: {said}"
    ]
    assert mistakes(with_keys("train:\n  epochs: 2" + "\n" * 6 + "  max_steps: 5")) == [
        f"law.yaml:10: {said}"
    ]
    assert mistakes(with_keys("train: {epochs: 2}"), "train.max_steps=5") == [f"command line: {said}"]
    assert mistakes(with_keys("train: {max_steps: 5}"), "train.epochs=2") == [f"command line: {said}"]
    with pytest.raises(UsageError, match="both set"):
        override(load(with_keys("train: {max_steps: 5}")), ["train.epochs=2"])


def test_no_length_of_training_is_one_mistake(mistakes: Callable[..., list[str]]) -> None:
    assert mistakes(with_keys("train: {epochs: }")) == [
        "law.yaml:3: train.epochs is empty and train.max_steps is not set"
    ]
    assert mistakes(with_keys("train: {epochs: , max_steps: x}")) == [
        "law.yaml:3: train.max_steps is 'x', must be a whole number"
    ]


# ------------------------------------------------------------------------------- files that are no config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a: \xff", "law.yaml:1: is not UTF-8 text"),
        (BASE.encode("utf-16"), "law.yaml:1: is not UTF-8 text"),
        ("model:\n  name: a\x01b", "law.yaml:2: holds a character that YAML forbids"),
        ("model: {name: a\n", "law.yaml:2: is not valid YAML: expected ',' or '}', but got '<stream end>'"),
        ("model:\n\tname: a", "law.yaml:2: is not valid YAML: found character '\\t' that cannot start any token"),
        ("- a\n- b", "law.yaml:1: must hold sections such as model: and data:"),
        ("words", "law.yaml:1: must hold sections such as model: and data:"),
        ("a: 1\n---\nb: 1\n", "law.yaml:2: is not valid YAML: but found another document"),
        ('model: {name: "\\UFFFFFFFF"}', "law.yaml: holds a character that YAML forbids"),
        ("model: {name: " + "[" * 1500, "law.yaml: is nested too deeply"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_config(mistakes: Callable[..., list[str]], text: str | bytes, said: str) -> None:
    assert mistakes(text)[0] == said


def test_aliases_of_aliases_take_no_time(mistakes: Callable[..., list[str]]) -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    assert (
        "data.train must be a single value"
        in mistakes("\n".join(rows) + "\nmodel: {name: a/b}\ndata: {train: *a59}")[-1]
    )


def test_a_missing_file_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file\n  next: loralab init"):
        load_config(tmp_path / "no.yaml")
    with pytest.raises(UsageError, match="is a folder"):
        load_config(tmp_path)


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_config_or_a_mistake(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError):  # none of them names a model and data
        load_config(path)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=3))
def test_any_words_are_overrides_or_mistakes(words: list[str]) -> None:
    with pytest.raises(UsageError):
        make_config(words)


# ------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "token",
        "password",
        "SWANLAB_API_KEY",
        "hf-token",
        "apiKey",
        "api key",
        "client.secret",
        "key",
    ],
)
@pytest.mark.parametrize("where", ["top", "section", "override", "bare"])
def test_a_secret_is_refused_and_not_repeated(load: Callable[..., Config], key: str, where: str) -> None:
    texts = {
        "top": (BASE + f"{key}: s3cr3t", ()), "section": (BASE + f"track: {{{key}: s3cr3t}}", ()),
        "override": (BASE, (f"track.{key}=s3cr3t",)), "bare": (BASE, (f"{key}=s3cr3t",)),
    }  # fmt: skip
    text, overrides = texts[where]
    with pytest.raises(UsageError) as caught:
        load(text, *overrides)
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")
    assert "looks like a secret" in str(caught.value)


@pytest.mark.parametrize(
    "value", ["*s3cr3t", "&s3cr3t", "!s3cr3t x", "!s3cr3t!x y", "{s3cr3t: 1}", "[s3cr3t]"]
)
def test_a_secret_that_is_yaml_is_not_repeated(load: Callable[..., Config], value: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(BASE + f"track:\n  password: {value}\n")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "word",
    ["track.api_key:s3cr3t", "track.api_key: s3cr3t=1", "api_key:s3cr3t", "hf_token:s3cr3t", "track.api_key=a:s3cr3t"],
)  # fmt: skip
def test_a_secret_behind_a_colon_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(UsageError, match="looks like a secret") as caught:
        make_config(["model.name=a/b", "data.train=x.jsonl", word])
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")


@pytest.mark.parametrize("word", ["track.swan:s3cr3t", "swan:s3cr3t=2", "track.swan:s3cr3t=2", "swan=s3cr3t"])
def test_what_stands_behind_a_bare_word_is_not_repeated(word: str) -> None:
    with pytest.raises(UsageError, match=r"swan: an override is written section\.key=value") as caught:
        make_config(["model.name=a/b", "data.train=x.jsonl", word])
    assert "s3cr3t" not in str(caught.value)


def test_a_secret_in_a_flow_mapping_without_a_space_is_not_repeated(load: Callable[..., Config]) -> None:
    with pytest.raises(UsageError, match="api_key looks like a secret") as caught:
        load(BASE + "track: {api_key:s3cr3t}")
    assert "s3cr3t" not in str(caught.value)


def test_max_tokens_is_no_secret(load: Callable[..., Config]) -> None:
    assert load(BASE, "evaluate.max_new_tokens=3").evaluate.max_new_tokens == 3
