"""No login or variable of the user reaches these tests."""

import os

import pytest


@pytest.fixture(autouse=True)
def no_login(monkeypatch, tmp_path):
    for name in [n for n in os.environ if n.startswith("SWANLAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWANLAB_ROOT", str(tmp_path / "login"))
