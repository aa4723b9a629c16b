"""A config with mistakes in, every mistake at once out, each with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loralab.config import Config, load_config, make_config, override
from loralab.errors import UsageError

BASE = "model: {name: owner/name}\ndata: {train: rows.jsonl}\n"


def with_keys(lines: str) -> str:
    return BASE + lines


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
        ("max_tokens: " + "9" * 5000, "data.max_tokens is too large a number"),
        ("fields: question", "data.fields must be a mapping such as {question: query, answer: response}"),
        ("fields: {question: a, question: b, answer: c}", "data.fields names question twice"),
        ("fields: {question: a}", "data.fields must name question and answer, or messages, or system alone"),
        ("fields: {messages: a, question: b}",
         "data.fields must name question and answer, or messages, or system alone"),
        ("fields: {question: a, answer: }", "data.fields has no value"),
        ("fields: {prompt: a}", "data.fields is 'prompt', must be one of: system, question, answer, messages"),
        ("fields: {question:a}", "data.fields is 'question:...', must be one of: system, question, answer, messages"),
        ("split: ''", "data.split has no value"),
        ("split: [a]", "data.split must be a single value"),
        ("stratify: source", "data.stratify is 'source', must be one of: none, file"),
        ("train_turns: first", "data.train_turns is 'first', must be one of: all, last"),
        ("near_duplicates: on", "data.near_duplicates is 'on', must be one of: asked, all, off"),
        ("near_duplicate: all", "unknown key data.near_duplicate; did you mean near_duplicates?"),
        ("stratfy: file", "unknown key data.stratfy; did you mean stratify?"),
        ("train_turn: last", "unknown key data.train_turn; did you mean train_turns?"),
        ("spilt: run", "unknown key data.spilt; did you mean split?"),
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


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("evaluate: {heldout_every_steps: 0}", "evaluate.heldout_every_steps must be at least 1"),
        ("train: {stop_after_worse_evaluations: 0}", "train.stop_after_worse_evaluations must be at least 1"),
        ("evaluate: {best_by: bleu}", "evaluate.best_by is 'bleu', must be one of: heldout_loss, exact_match, rouge_l,"
         " citation_f1, general, last"),
        ("evaluate: {best_by: rouge_l, stages: [before, after]}",
         "evaluate.best_by is rouge_l, which is measured at the end of epochs, and evaluate.stages has no epoch"),
        ("evaluate: {best_by: general, general: false}",
         "evaluate.best_by is general, and evaluate.general is false: the prompts are not asked"),
    ],
)  # fmt: skip
def test_a_choice_that_has_nothing_to_choose_by_is_named(
    mistakes: Callable[..., list[str]], lines: str, said: str
) -> None:
    assert mistakes(with_keys(lines)) == [f"law.yaml:3: {said}"]


STOP = "train.stop_after_worse_evaluations"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([f"{STOP}=2", "evaluate.best_by=last"],
         f"{STOP} and evaluate.best_by: last are both set; nothing would be compared"),
        ([f"{STOP}=2", "evaluate.stages=[before, after]"],
         f"{STOP} is set, and held-out loss is measured neither at the end of epochs (evaluate.stages) nor on the way"
         " (evaluate.heldout_every_steps)"),
        ([f"{STOP}=2", "data.test=none"], f"{STOP} is set, and data.test leaves no rows to measure"),
        (["evaluate.heldout_every_steps=5", "data.test=0"],
         "evaluate.heldout_every_steps is set, and data.test leaves no rows to measure"),
    ],
)  # fmt: skip
def test_stopping_that_could_never_act_is_named_whichever_key_came_last(
    mistakes: Callable[..., list[str]], keys: list[str], said: str
) -> None:
    assert mistakes(BASE, *keys) == mistakes(BASE, *reversed(keys)) == [f"command line: {said}"]


def test_stopping_and_choosing_that_can_act_are_taken(load: Callable[..., Config]) -> None:
    on_the_way = load(BASE, f"{STOP}=3", "evaluate.heldout_every_steps=50", "evaluate.stages=[]")
    assert (on_the_way.train.stop_after_worse_evaluations, on_the_way.evaluate.heldout_every_steps) == (3, 50)
    scored = load(
        BASE, f"{STOP}=1", "evaluate.best_by=rouge_l", "data.test=none", "evaluate.heldout_every_steps=null"
    )
    assert scored.evaluate.best_by == "rouge_l" and scored.evaluate.heldout_every_steps is None


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


@pytest.mark.parametrize(
    "key", ["test: 5", "test: 0", "test: none", "test: 0:5", "probes: 5", "probes: none", "probes: 0:5", "stratify: file", "split_seed: 1"]
)  # fmt: skip
def test_an_earlier_split_leaves_no_choice_of_rows(mistakes: Callable[..., list[str]], key: str) -> None:
    name, value = key.split(": ")
    said = f"data.split and data.{name} are both set; data.{name} would have no effect"
    base = "model: {name: a/b}\ndata:\n  train: a.jsonl\n"
    assert mistakes(base + f"  split: run\n  {key}") == [f"law.yaml:5: {said}"]
    assert mistakes(base + f"  {key}\n  split: run") == [f"law.yaml:5: {said}"]
    assert mistakes(base + "  split: run", f"data.{name}={value}") == [f"command line: {said}"]
    assert mistakes(base + f"  {key}", "data.split=run") == [f"command line: {said}"]


def test_an_earlier_split_goes_with_defaults_and_with_files(
    load: Callable[..., Config], tmp_path: Path
) -> None:
    base = "model: {name: a/b}\ndata: {train: a.jsonl, split: run, "
    load(base + "test: auto, probes: auto, stratify: none, split_seed: 0}")
    data = load(base + "test: t.jsonl, probes: hf://owner/name/p.jsonl, rows: 0:9}").data
    assert (data.test, data.probes) == (str(tmp_path / "t.jsonl"), "hf://owner/name/p.jsonl")


def test_an_earlier_split_over_a_config_that_chooses_rows_is_refused_too(load: Callable[..., Config]) -> None:
    chosen = load("model: {name: a/b}\ndata: {train: a.jsonl, test: 20}")
    with pytest.raises(UsageError, match=r"data\.split and data\.test are both set"):
        override(chosen, ["data.split=run"])
    assert override(chosen, ["data.split=run", "data.test=auto"]).data.test == "auto"


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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("model: {name: a}\ndata:\n  train\uff1arows.jsonl\n", 3),
        ("model: {name: a}\ndata:\n  train: rows.jsonl\n  test\uff1a 2\n  rows: 0:5\n", 4),
        ("model: {name: a}\ndata\uff1a\n  train: rows.jsonl\n", 2),
    ],
)
def test_the_colon_of_chinese_typing_is_named(load: Callable[..., object], text: str, line: int) -> None:
    with pytest.raises(UsageError) as caught:
        load(text)
    told = caught.value.text()
    assert f"next: line {line} has a full-width colon (\uff1a) after a key: write : and a space" in told
