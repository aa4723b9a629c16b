"""A device in, whether a frozen base can be held there in 4 bits a number, and how transformers is told, out.

NF4 (QLoRA, arXiv 2305.14314) by bitsandbytes, with its scales quantised as well: about 4.13 bits a number of the
matrices. Products are computed in the number format of the rest. The adapter is float32 as ever.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from loralab.config.schema import Config
from loralab.errors import Problem, UsageError
from loralab.words import say

DEVICES = ("cpu", "cuda")
# 4 bits; a scale of 8 bits for 64 numbers; a scale of that, 32 bits, for 256 scales.
BITS = 4 + 8 / 64 + 32 / (64 * 256)


def refuse_nf4(config: Config, device: str) -> None:
    """Raise UsageError if `model.dtype` is nf4 and cannot be had on the device."""
    if config.model.dtype != "nf4":
        return
    what = say("model.dtype is nf4, which cannot be had")
    if device not in DEVICES:
        why = say("bitsandbytes is used on CUDA and on a CPU, not on {device}", device=device)
        raise UsageError(Problem(what, why=why, next=say("set model.dtype=auto")))
    if find_spec("bitsandbytes") is None:
        why = say("it needs the package bitsandbytes")
        advice = say("pip install 'loralab[cuda]', or set model.dtype=auto")
        raise UsageError(Problem(what, why=why, next=advice))


def nf4_settings(dtype: str) -> Any:
    """What `from_pretrained` takes as quantization_config; products are computed in `dtype`."""
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )  # fmt: skip
