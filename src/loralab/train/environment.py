"""The machine and the software a run is made on, as the manifest records them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from loralab.words import Words, say

PACKAGES = (
    "loralab", "torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "huggingface_hub",
    "modelscope-hub", "bitsandbytes", "jieba", "rouge-chinese", "swanlab",
)  # fmt: skip


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that can change a number; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory in bytes, and GPUs. Imports torch."""
    import torch

    gpus = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            gpus.append({"name": properties.name, "memory_bytes": properties.total_memory})
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpu_features": cpu_features(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "gpus": gpus,
        "threads": torch.get_num_threads(),
    }


def cpu_features() -> list[str]:
    """Those instruction sets of the processor that decide which number format is fast (Linux)."""
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
    return [name for name in wanted if name in _cpuinfo("flags").split()]


def slow_format(dtype: str, device: str) -> Words | None:
    """What to say before a run in a number format that this processor multiplies step by step."""
    known = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64")
    if (
        dtype != "bfloat16"
        or device != "cpu"
        or not known
        or {"avx512_bf16", "amx_bf16"} & set(cpu_features())
    ):
        return None
    return say(
        "this processor has no instructions for bfloat16 products (avx512_bf16 or amx_bf16): a step may take tens of"
        " times as long as with model.dtype=float32"
    )


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def memory_bytes() -> int | None:
    """Physical memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and dirty flag of the repository that `folder` lies in; None outside of one."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def peak_bytes(device: str) -> int:
    """Largest memory use of this process so far: on cuda the sum of its GPUs' own peaks, else resident memory."""
    import resource
    import sys

    import torch

    if device == "cuda":
        return sum(int(torch.cuda.max_memory_allocated(i)) for i in range(torch.cuda.device_count()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
