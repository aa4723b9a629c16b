"""The Weights & Biases mirror, read back from its own file."""

import json
import struct

import pytest
from trial import Trial

from loralab.run import Run
from loralab.track import WandbSink
from loralab.track.verify import expected
from loralab.track.wandb import child_environment

pytest.importorskip("wandb", reason="the extra wandb is not installed")


def records(path):
    """The records of a W&B file: LevelDB's log format, in blocks of 32 KiB, behind 7 bytes of its own."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, held = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        held += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(held)
            held = b""
            yield record


def history(path):
    """The rows that were logged."""
    for record in records(path):
        if record.HasField("history"):
            items = record.history.item
            yield {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_offline_every_point_and_text_is_there_and_nobody_was_asked_for_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    trial = Trial(tmp_path, WandbSink("法律", "中文 标题", {"lora": {"rank": 8}}))
    trial.emit("run_started")
    trial.stage("before", 3, 2.0)
    trial.steps(1, 3)
    trial.stage("after", 3, 1.0)
    trial.emit("run_finished", reason="done", seconds=1.0)
    trial.close()
    assert trial.failures == []
    own = trial.folder.track("wandb")
    (record,) = own.glob("wandb/offline-run-*/run-*.wandb")
    rows = list(history(record))
    found = {(key, row["step"]): value for row in rows for key, value in row.items() if "/" in key}
    scalars, texts = expected(Run(trial.folder))
    assert {place: value for place, value in found.items() if not place[0].startswith("answers/")} == scalars
    tables = [
        json.loads(path.read_text("utf-8")) for path in own.glob("wandb/offline-run-*/files/media/**/*.json")
    ]
    assert sorted(row[1] for table in tables for row in table["data"]) == sorted(texts.values())
    assert [p for p in own.rglob("*") if p.is_file() and b"k" * 40 in p.read_bytes()] == []


def test_the_child_gets_no_variable_of_wandb_but_ours(tmp_path):
    made = child_environment(
        {"PATH": "/bin", "WANDB_API_KEY": "x", "wandb_mode": "online"}, tmp_path, tmp_path
    )
    assert made["PATH"] == "/bin" and made["WANDB_MODE"] == "offline" and "WANDB_API_KEY" not in made
    assert "wandb_mode" not in made
