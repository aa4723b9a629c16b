"""Conversations in, token ids and loss masks out."""

from loralab.encode.encode import Encoded, encode, encode_prompt
from loralab.encode.rows import EncodedRows, encode_rows
from loralab.encode.template import ChatTemplate, read_template

__all__ = [
    "ChatTemplate",
    "Encoded",
    "EncodedRows",
    "encode",
    "encode_prompt",
    "encode_rows",
    "read_template",
]
