"""Keys and passwords of the environment, in a run that fails in every way: in no file of the run and on no stream."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from doubles.command import invoke
from doubles.job_files import write_job
from loralab.config import make_config
from loralab.errors import UsageError

NAMES = ("SWANLAB_API_KEY", "WANDB_API_KEY", "HF_TOKEN", "MODELSCOPE_API_TOKEN", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY",
         "AWS_SESSION_TOKEN", "OPENAI_API_KEY", "DB_PASSWORD")  # fmt: skip
PLANTED = {name: f"s3cr3t-{name.lower()}-0123456789" for name in NAMES}
PROXY = "http://me:s3cr3t-of-the-proxy@127.0.0.1:9"


class Refuses(BaseHTTPRequestHandler):
    """Turns every key down, and repeats it in its answer."""

    def do_POST(self) -> None:
        body = f'{{"message": "no such key: {self.headers.get("authorization")}"}}'.encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_run_with_a_wrong_key_that_crashes_keeps_every_secret(
    tmp_path: Path, tiny_model: Path, refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loralab.train.loop import Loop

    whole = Loop.run

    def crash(self: Loop) -> None:
        whole(self)
        secrets = [value for value in os.environ.values() if "s3cr3t" in value]
        raise RuntimeError(f"Illegal header value {secrets}")  # as the message of a client may

    monkeypatch.setattr(Loop, "run", crash)
    settings = {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": "127.0.0.1", "HOME": str(tmp_path)}
    for name, value in {
        **PLANTED,
        **settings,
        "SWANLAB_API_HOST": refusing,
        "SWANLAB_WEB_HOST": refusing,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    config = write_job(tmp_path, tiny_model)
    said = invoke(
        "train",
        config,
        "track.swanlab=online",
        "train.max_steps=2",
        "train.engine=plain",
        "evaluate.stages=[]",
        "-v",
    )
    assert said.code == 1 and "Illegal header value ['***'" in said.err, said.err
    run = tmp_path / "runs" / "0001-job"
    log, events = (run / "log.txt").read_text("utf-8"), (run / "events.jsonl").read_text("utf-8")
    assert "Traceback" in log and "Illegal header value ['***'" in log and "http://***@127.0.0.1:9" in log
    assert '"sink_failed"' in events and '"run_failed"' in events
    texts = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(texts) > 15 and any(name.endswith("child.log") for name in texts)
    assert [name for name, text in texts.items() if b"s3cr3t" in text] == []
    assert "s3cr3t" not in said.out + said.err


@pytest.mark.parametrize(
    "override",
    ["data.train=hf://me:s3cr3t@owner/name/f.jsonl", "data.train=https://s3cr3t@host/f.jsonl", "model.name=https://me:s3cr3t@host/m",
     "track.project=https://me:s3cr3t@host/p", "lora.init=ftp://me:s3cr3t@host/a", "run.name=http://me:s3cr3t@host",
     "data.train=[{path: 's3://me:s3cr3t@host/x'}]", "data.test=s3://s3cr3t@bucket/x"],
)  # fmt: skip
def test_an_address_with_a_password_is_refused_in_a_config(override: str) -> None:
    base = [
        o
        for o in ("model.name=a/b", "data.train=x.jsonl")
        if o.partition("=")[0] != override.partition("=")[0]
    ]
    with pytest.raises(UsageError, match="holds an address with a user or password") as caught:
        make_config([*base, override])
    assert "s3cr3t" not in str(caught.value) + caught.value.text("zh")


@pytest.mark.parametrize(
    "value", ["hf://owner/name@v1/f.jsonl", "hf://datasets/o/n@refs%2Fpr%2F1/f.jsonl", "me@host/x.jsonl"]
)
def test_an_at_sign_elsewhere_is_no_user(value: str) -> None:
    make_config(["model.name=a/b", f"data.train={value}"])


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "SWANLAB_API_KEY", "MY_PASSWORD"])
def test_a_secret_is_not_put_into_a_path(name: str) -> None:
    with pytest.raises(UsageError, match=f"uses \\${name}, which looks like a secret") as caught:
        make_config(["model.name=a/b", f"data.train=/data/${name}.jsonl"], {name: "s3cr3t", "DATA": "/d"})
    assert "s3cr3t" not in str(caught.value)
    assert make_config(["model.name=a/b", "data.train=$DATA/x.jsonl"], {"DATA": "/d"}).data.train == (
        "/d/x.jsonl",
    )


def test_secrets_in_the_words_of_an_error_are_struck_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", "s3cr3t-0123456789")
    for words in (
        ("check", "s3cr3t-0123456789.jsonl"),
        ("--s3cr3t-0123456789",),
        ("show", tmp_path / "http:/me:s3cr3t@h/x"),
    ):
        said = invoke(*words)
        assert said.code == 2 and "s3cr3t" not in said.out + said.err and "***" in said.err
