"""The settings of a study as frozen dataclasses: one field per key, with its default, limits and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from loralab.config.schema import option
from loralab.words import say

AT_LEAST_2 = say("must be at least 2")


def _positive(value: float) -> bool:
    return value > 0


def _not_negative(value: float) -> bool:
    return value >= 0


def _several(value: int) -> bool:
    return value >= 2


def _not_empty(value: Any) -> bool:
    return bool(value)


@dataclass(frozen=True)
class Settings:
    """What all cells of a study have in common."""

    base: str = option(
        "", "Config that every cell starts from; relative to the study file.", "各单元共同的基础配置；相对于研究文件。",
        check=_not_empty, limits="is required", parse="folder_or_none",
    )  # fmt: skip
    metric: str = option(
        "heldout/loss", "What cells are judged by, as task/metric of the stage after.",
        "评判各单元的指标，写作 任务/指标，取训练后阶段。",
    )  # fmt: skip
    unlike: Literal["refuse", "mark"] = option(
        "refuse", "Cells that were not asked the same in the same way: refuse to compare them, or mark the report.",
        "各单元被问的问题或方式不同时：拒绝比较，或在报告中标明。",
    )  # fmt: skip
    dir: str = option(
        "studies", "Folder in which study folders are made, relative to the working folder.",
        "存放研究文件夹的目录，相对于当前目录。", parse="folder",
    )  # fmt: skip
    name: str | None = option(
        None,
        "Name of the study folder; that of the study file when empty.",
        "研究文件夹名；留空时取研究文件名。",
    )


@dataclass(frozen=True)
class Price:
    """What a device costs."""

    device_hour: float = option(
        0.0,
        "Price of one device for one hour.",
        "一个设备一小时的价格。",
        check=_positive,
        limits="must be above 0",
    )
    currency: str = option("", "Currency, as it stands behind amounts.", "货币，写在金额之后。")


@dataclass(frozen=True)
class Search:
    """How cells are drawn from the axes, instead of all combinations."""

    method: Literal["random", "halving"] = option(
        "random", "random trains every drawn cell in full; halving begins with short trainings and goes on with the best.",
        "random 完整训练每个抽取的单元；halving 先短训练，再保留较好的继续。",
    )  # fmt: skip
    trials: int = option(
        10, "How many cells are drawn.", "抽取的单元数。", check=_positive, limits="must be at least 1"
    )
    seed: int = option(
        0, "Seed of the draw.", "抽取的随机种子。", check=_not_negative, limits="must not be negative"
    )
    keep_one_in: int = option(
        3, "halving: one in so many cells of a rung goes on to the next, which trains so many times as long.",
        "halving：每一级中每这么多个单元保留一个进入下一级，训练时长为其这么多倍。",
        check=_several, limits=AT_LEAST_2.template,
    )  # fmt: skip
    rungs: int = option(
        3, "halving: number of rungs; the last one trains as long as the base says.",
        "halving：级数；最后一级按基础配置的时长训练。", check=_several, limits=AT_LEAST_2.template,
    )  # fmt: skip


@dataclass(frozen=True)
class Cluster:
    """What each cell asks a cluster for."""

    gpus: int = option(
        1, "GPUs of a cell; 0 for a run on processors.", "每个单元的 GPU 数；0 为只用处理器。",
        check=_not_negative, limits="must not be negative",
    )  # fmt: skip
    cpus: int = option(
        4,
        "Processor cores of a cell.",
        "每个单元的处理器核数。",
        check=_positive,
        limits="must be at least 1",
    )
    memory_gib: float | None = option(
        None,
        "Memory of a cell (Slurm).",
        "每个单元的内存（Slurm）。",
        check=_positive,
        limits="must be above 0",
    )
    minutes: int = option(
        1440, "Time limit of a job (Slurm); one that reaches it is queued again and goes on.",
        "作业的时间上限（Slurm）；到时后重新排队并继续。", check=_positive, limits="must be at least 1",
    )  # fmt: skip
    partition: str | None = option(None, "Partition (Slurm).", "分区（Slurm）。")
    account: str | None = option(None, "Account (Slurm).", "账户（Slurm）。")
