"""A small model folder that passes every check of files, for tests to break."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def safetensors(*names: str) -> bytes:
    """A safetensors file with four bytes per tensor."""
    entries = {
        n: {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i, n in enumerate(names)
    }
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(range(4 * len(names)))


def model_files(shards: Sequence[str] = ()) -> dict[str, bytes]:
    """The files of a model by path: one weight file, or those named in `shards` with their index."""
    files = {
        "config.json": json.dumps({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}).encode(),
        "generation_config.json": b"{}",
        "tokenizer.json": json.dumps({"version": "1.0", "model": {"type": "BPE"}}).encode(),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "Qwen2Tokenizer"}).encode(),
    }
    if not shards:
        return files | {"model.safetensors": safetensors("a", "b")}
    index = {"weight_map": {f"tensor{i}": name for i, name in enumerate(shards)}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    return files | {name: safetensors(f"tensor{i}") for i, name in enumerate(shards)}


def write_model(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """Put files into a folder."""
    for name, data in (model_files() if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
