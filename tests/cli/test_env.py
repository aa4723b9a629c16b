"""`loralab env`: what a bug report needs."""

from __future__ import annotations

import json
import platform

from doubles.command import invoke


def test_json_names_versions_hardware_device_and_format() -> None:
    said = invoke("env", "--json")
    facts = json.loads(said.out)
    assert said.code == 0 and set(facts) == {"versions", "hardware", "device", "dtype"}
    assert facts["versions"]["python"] == platform.python_version()
    assert all(facts["versions"][name] for name in ("loralab", "torch", "transformers", "peft"))
    hardware = facts["hardware"]
    assert hardware["cores"] >= 1 and hardware["threads"] >= 1 and hardware["memory_bytes"] > 1 << 28


def test_words_are_one_fact_a_line() -> None:
    said = invoke("env")
    assert said.code == 0 and f"versions python: {platform.python_version()}" in said.out.splitlines()
    assert any(line.startswith("device: ") for line in said.out.splitlines())
