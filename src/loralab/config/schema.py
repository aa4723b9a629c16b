"""The settings of a run as frozen dataclasses: one field per key, with its type, default, limits and meaning.

Defaults are those of the reference job (LoRA on a legal QA set). The text of a field is the one source
of `loralab init` comments, of the configuration page in `docs/` and of error messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Check = Callable[[Any], bool]


def option(
    default: Any,
    doc: str,
    doc_zh: str,
    *,
    check: Check | None = None,
    limits: str = "",
    starter: bool = False,
    parse: str = "",
) -> Any:
    """A config field: its default, one sentence in two languages, and the check with its words in `limits`.

    `starter` puts it into `loralab init`; `parse` names a reader in `coerce.py` for values that the
    field's type alone does not describe.
    """
    metadata = {
        "doc": doc, "doc_zh": doc_zh, "check": check, "limits": limits,
        "starter": starter, "parse": parse,
    }  # fmt: skip
    if isinstance(default, (list, dict)):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def _positive(value: float) -> bool:
    return value > 0


def _not_negative(value: float) -> bool:
    return value >= 0


def _below_one(value: float) -> bool:
    return 0 <= value < 1


def _not_empty(value: Any) -> bool:
    return bool(value)


@dataclass(frozen=True)
class Slice:
    """A half-open range of row positions over the concatenated files, written `start:stop`."""

    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.start}:{self.stop}"

    def __contains__(self, position: int) -> bool:
        return self.start <= position < self.stop


@dataclass(frozen=True)
class DataSource:
    """Files of a mixture: how often each of their training rows is trained on in an epoch, or how many rows are."""

    path: str
    weight: float = 1.0
    rows: int | None = None


Dtype = Literal["auto", "float32", "bfloat16", "nf4"]
Source = Literal["auto", "local", "huggingface", "modelscope"]
BestBy = Literal["heldout_loss", "exact_match", "rouge_l", "citation_f1", "general", "last"]
Projections = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class ModelConfig:
    """Which model is tuned."""

    name: str = option(
        "", "Model folder, or owner/name on a hub.", "模型文件夹，或模型库中的 owner/name。",
        check=_not_empty, limits="is required", starter=True, parse="model",
    )  # fmt: skip
    source: Source = option(
        "auto", "Where the model comes from; auto looks for a local folder, then on the hub that LORALAB_HUB names.",
        "模型来源；auto 先找本地文件夹，再到 LORALAB_HUB 指定的模型库查找。", starter=True,
    )  # fmt: skip
    revision: str | None = option(
        None, "Branch, tag or commit on the hub; the newest when empty.", "模型库中的分支、标签或提交；留空取最新。",
    )  # fmt: skip
    dtype: Dtype = option(
        "auto", "Number format of the frozen weights; auto is bfloat16 on CUDA and float32 elsewhere; nf4 holds matrices in 4 bits.",
        "冻结权重的数值格式；auto 在 CUDA 上为 bfloat16，其余为 float32；nf4 以 4 位存放矩阵。",
    )  # fmt: skip
    shard: Literal["auto", "none", "fsdp"] = option(
        "auto", "Split the frozen weights over the processes of a run (--devices N): fsdp always, none never, auto where they"
        " do not fit whole. Losses are the same, steps take longer.",
        "把冻结权重分到一次运行的各进程（--devices N）：fsdp 总是，none 从不，auto 仅当完整放不下时。损失相同，每步更慢。",
    )  # fmt: skip
    device_map: str | dict[str, str] | None = option(
        None, "Lay whole layers of the base on several GPUs of one process: auto, or a GPU for each module, such as"
        " {model.embed_tokens: 0, ...}. They compute in turn: N GPUs hold more and are no faster than one.",
        "把基座的各层整层放到一个进程的多块 GPU 上：auto，或为每个模块指定 GPU，如 {model.embed_tokens: 0, ...}。各层依次计算：N 块 GPU 能放下更多，但不比一块快。", parse="device_map",
    )  # fmt: skip
    trust_remote_code: bool = option(
        False, "Run Python files that come with the model. Only for models whose code you have read.",
        "运行模型自带的 Python 文件。只用于代码已读过的模型。",
    )  # fmt: skip


@dataclass(frozen=True)
class DataConfig:
    """Which rows are trained on, held out and asked."""

    train: tuple[str | DataSource, ...] = option(
        (), "Data: a file, folder or glob pattern, hf://owner/name/file, modelscope://owner/name/file, or a list of"
        " these; {path: ..., weight: 2} trains each of its rows twice in an epoch, {path: ..., rows: 1000} takes"
        " 1000 of them.",
        "数据：文件、文件夹或通配符，hf://owner/name/file、modelscope://owner/name/file，或它们的列表；"
        "{path: ..., weight: 2} 使其每行在一轮中训练两次，{path: ..., rows: 1000} 只取其中 1000 行。",
        check=_not_empty, limits="is required", starter=True, parse="sources",
    )  # fmt: skip
    rows: Slice | None = option(
        None, "Rows to train on, as start:stop over the concatenated files, counted from 0; all when empty.",
        "训练行的范围 start:stop，按文件拼接后的顺序从 0 计；留空为全部。", parse="slice",
    )  # fmt: skip
    test: str | int | Slice | None = option(
        "auto", "Held-out rows: auto (min(200, rows / 20)), a number, a slice, a file, or none.",
        "留出的测试行：auto（min(200, 行数/20)）、数目、范围、文件或 none。", parse="test",
    )  # fmt: skip
    probes: str | int | Slice | None = option(
        "auto", "Questions answered at every stage: auto (5 rows), a number, a slice, or a file.",
        "每个阶段都回答的固定问题：auto（5 行）、数目、范围或文件。", parse="probes",
    )  # fmt: skip
    split: str | None = option(
        None, "Take test and probe rows from this earlier run (its folder, or a split.json); the rest is trained on.",
        "沿用此前某次运行的测试行和固定问题（运行文件夹或 split.json）；其余用于训练。", parse="folder_or_none",
    )  # fmt: skip
    stratify: Literal["none", "file"] = option(
        "none", "Choose test and probe rows over all files together, or from each file by its share of the rows.",
        "选取测试行和固定问题：在全部文件中一起选，或按各文件的行数比例分别选。",
    )  # fmt: skip
    format: str = option(
        "auto", "Shape of the rows; auto decides for each row by its keys.", "行的格式；auto 按每行的键判断。"
    )
    fields: dict[str, str] = option(
        {}, "Names of the keys that hold the parts, such as {question: query, answer: response}; keys: system,"
        " question, answer, messages.",
        "各部分所在的键，例如 {question: query, answer: response}；可用：system、question、answer、messages。",
        parse="fields",
    )  # fmt: skip
    system: str | None = option(
        None, "System prompt for rows that have none of their own.", "没有自带系统提示词的行所用的系统提示词。",
        starter=True,
    )  # fmt: skip
    max_tokens: int = option(
        384, "Longest row in tokens, question and answer together.", "每行的最大 token 数（问题加回答）。",
        check=_positive, limits="must be at least 1", starter=True,
    )  # fmt: skip
    train_turns: Literal["all", "last"] = option(
        "all", "Answers of a conversation that are trained on; an answer marked \"train\": false never is.",
        "多轮对话中训练哪些回答；标有 \"train\": false 的回答始终不训练。",
    )  # fmt: skip
    on_long: Literal["cut", "drop", "error"] = option(
        "cut", "What happens to longer rows: the answer's end is cut, the row is dropped, or the run stops.",
        "超长行的处理：截断回答末尾、丢弃该行或停止。",
    )  # fmt: skip
    on_bad_row: Literal["error", "drop"] = option(
        "error", "What happens to rows that cannot be used: stop, or drop and count them.",
        "坏行的处理：停止，或丢弃并计数。",
    )  # fmt: skip
    on_duplicate: Literal["keep", "drop"] = option(
        "keep", "What happens to further copies of a row.", "重复行的处理。"
    )
    on_overlap: Literal["drop", "keep", "error"] = option(
        "drop", "What happens to training rows whose question is a test or probe question.",
        "问题与测试或固定问题相同的训练行的处理。",
    )  # fmt: skip
    near_duplicates: Literal["asked", "all", "off"] = option(
        "asked", "Search for questions that are nearly the same: training against test and probe questions, also"
        " among all training rows (slow), or not at all. They are counted and listed, never removed.",
        "查找近似重复：训练问题与测试、固定问题之间，或再加上训练行之间（较慢），或不查找。只计数并列出，不删除。",
    )  # fmt: skip
    answer_end: Literal["template", "pad"] = option(
        "template", "The token that closes a trained answer: the template's end token, or the pad token.",
        "训练时结束回答的 token：模板的结束符，或 pad。",
    )  # fmt: skip
    special_tokens: Literal["refuse", "text"] = option(
        "refuse", "Special tokens of the model written inside a row: refuse the row, or encode them as plain text.",
        "行内文本出现模型的特殊 token 时：拒绝该行，或按普通文本编码。",
    )  # fmt: skip
    encoding: str = option(
        "utf-8", "Character encoding of the data files, such as gb18030.", "数据文件的字符编码，如 gb18030。"
    )
    split_seed: int = option(
        0, "Seed of the choice of test and probe rows.", "选取测试行和固定问题的随机种子。",
        check=_not_negative, limits="must not be negative",
    )  # fmt: skip

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """What `train` names, each with its weight."""
        return tuple(DataSource(item) if isinstance(item, str) else item for item in self.train)


@dataclass(frozen=True)
class LoraConfig:
    """The adapter that is trained."""

    rank: int = option(
        64, "Rank of the adapter.", "适配器的秩。", check=_positive, limits="must be at least 1", starter=True
    )
    alpha: float = option(
        16.0, "Scaling numerator: the adapter counts alpha / rank.", "缩放分子：适配器的权重为 alpha / rank。",
        check=_positive, limits="must be above 0",
    )  # fmt: skip
    dropout: float = option(
        0.1, "Share of the adapter's inputs that is dropped while training.", "训练时适配器输入被丢弃的比例。",
        check=_below_one, limits="must be from 0 to below 1",
    )  # fmt: skip
    targets: tuple[str, ...] = option(
        Projections, "Linear layers that get an adapter.", "加适配器的线性层。",
        check=_not_empty, limits="must name at least one layer", parse="words",
    )  # fmt: skip
    rank_stabilised: bool = option(
        False, "Scale by alpha / sqrt(rank) instead of alpha / rank.", "用 alpha / sqrt(rank) 代替 alpha / rank。",
    )  # fmt: skip
    init: str = option(
        "fresh", "Start from a fresh adapter, or from the adapter in this folder.",
        "从新适配器开始，或从该文件夹中的适配器开始。", parse="init",
    )  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """How the adapter is trained."""

    epochs: float | None = option(
        2.0, "Passes over the training rows; fractions are allowed.", "训练轮数，可以是小数。",
        check=_positive, limits="must be above 0", starter=True,
    )  # fmt: skip
    max_steps: int | None = option(
        None, "Optimizer steps, instead of epochs.", "优化步数，用来代替 epochs。",
        check=_positive, limits="must be at least 1",
    )  # fmt: skip
    batch_rows: int = option(
        4, "Rows that go through the model together.", "一次送入模型的行数。",
        check=_positive, limits="must be at least 1", starter=True,
    )  # fmt: skip
    accumulate: int = option(
        4, "Batches in one optimizer step: a step trains batch_rows x accumulate rows.",
        "一个优化步的批数：每步训练 batch_rows x accumulate 行。",
        check=_positive, limits="must be at least 1", starter=True,
    )  # fmt: skip
    learning_rate: float = option(
        1e-4, "Peak learning rate of AdamW.", "AdamW 的峰值学习率。",
        check=_positive, limits="must be above 0", starter=True,
    )  # fmt: skip
    schedule: Literal["linear", "cosine", "constant"] = option(
        "linear", "Course of the learning rate after warm-up.", "预热后学习率的变化方式。"
    )
    warmup_steps: int = option(
        0, "Steps in which the learning rate rises from 0.", "学习率从 0 上升的步数。",
        check=_not_negative, limits="must not be negative",
    )  # fmt: skip
    weight_decay: float = option(
        0.0, "Weight decay of AdamW.", "AdamW 的权重衰减。", check=_not_negative, limits="must not be negative"
    )  # fmt: skip
    max_grad_norm: float = option(
        1.0, "Gradients are scaled down to this norm; 0 switches it off.", "梯度范数上限；0 为关闭。",
        check=_not_negative, limits="must not be negative",
    )  # fmt: skip
    shuffle: bool = option(True, "Train in a new seeded order each epoch.", "每轮按种子重新打乱顺序。")
    seed: int = option(
        42, "Seed of the adapter's start, the order of rows and dropout.", "适配器初值、行顺序和 dropout 的随机种子。",
        check=_not_negative, limits="must not be negative",
    )  # fmt: skip
    engine: Literal["auto", "fast", "plain"] = option(
        "auto", "What computes a step: plain is Hugging Face and PEFT; fast is the same mathematics without waste, for"
        " some architectures; auto is fast where it is supported and agrees with plain at the start.",
        "计算每一步的引擎：plain 为 Hugging Face 加 PEFT；fast 是同样的数学、没有多余的计算，只支持部分模型结构；"
        "auto 在支持且启动时与 plain 一致的情况下用 fast。",
    )  # fmt: skip
    recompute: Literal["auto", "on", "off"] = option(
        "auto", "Recompute activations in the backward pass to save memory; auto is on for CUDA, off for CPU.",
        "在反向传播中重算激活以节省内存；auto 在 CUDA 上开、CPU 上关。",
    )  # fmt: skip
    save_every_steps: int = option(
        100, "Steps between checkpoints; every epoch's end is saved too.", "保存检查点的间隔步数；每轮结束时也保存。",
        check=_positive, limits="must be at least 1",
    )  # fmt: skip
    keep_checkpoints: int | None = option(
        None, "How many checkpoints stay on disk: all, or a number (the chosen and the newest always stay).",
        "保留的检查点数：all 或数目（选中的和最新的始终保留）。",
        check=_positive, limits="must be all or at least 1", parse="keep",
    )  # fmt: skip
    stop_after_worse_evaluations: int | None = option(
        None, "End training early after so many evaluations of evaluate.best_by in a row that are no better than the"
        " best before; off when empty. The learning rate keeps the schedule of the full length.",
        "evaluate.best_by 连续这么多次评测都不优于此前最好时提前结束训练；留空为关闭。学习率仍按完整长度的计划变化。",
        check=_positive, limits="must be at least 1",
    )  # fmt: skip
    log_every_steps: int = option(
        10, "Steps between lines in the terminal; every step is recorded.", "终端输出的间隔步数；每一步都有记录。",
        check=_positive, limits="must be at least 1",
    )  # fmt: skip


@dataclass(frozen=True)
class EvaluateConfig:
    """What is asked and scored, and when."""

    tasks: tuple[Literal["heldout"], ...] = option(
        ("heldout",), "What is scored: heldout is the run's own test rows.", "评测任务：heldout 为本次运行的测试行。",
        check=_not_empty, limits="must name at least one task", parse="words",
    )  # fmt: skip
    general: bool = option(
        True, "Ask 24 built-in general prompts and read 12 neutral passages at every stage too, to see whether tuning"
        " costs general ability.",
        "每个阶段同时询问 24 个内置的一般提示，并测量 12 段中性文本的困惑度，以查看微调是否损害一般能力。",
    )  # fmt: skip
    stages: tuple[Literal["before", "epoch", "after"], ...] = option(
        ("before", "epoch", "after"), "When: before training, after each epoch, and for the chosen adapter.",
        "何时评测：训练前、每轮后、以及对选中的适配器。", parse="words",
    )  # fmt: skip
    answers: int = option(
        20, "Test rows that are answered at every stage, beside the probes.", "除固定问题外，每个阶段回答的测试行数。",
        check=_not_negative, limits="must not be negative", starter=True,
    )  # fmt: skip
    max_new_tokens: int = option(
        512, "Longest answer in tokens.", "回答的最大 token 数。", check=_positive, limits="must be at least 1"
    )  # fmt: skip
    batch_rows: int = option(
        16, "Questions answered together.", "一起回答的问题数。", check=_positive, limits="must be at least 1"
    )
    heldout_every_steps: int | None = option(
        None, "Measure held-out loss after every so many steps too; only at stages when empty. A step that is the best"
        " so far is saved.",
        "每隔这么多步也测一次留出集损失；留空则只在各阶段测。目前最好的一步会保存检查点。",
        check=_positive, limits="must be at least 1",
    )  # fmt: skip
    best_by: BestBy = option(
        "heldout_loss", "Which adapter is chosen: that of the lowest held-out loss, of the highest score at the end of"
        " an epoch (general is the accuracy of the general prompts), or the last.",
        "选哪个适配器：留出集损失最低的，或某轮结束时得分最高的（general 为一般提示的准确率），或最后的。",
    )  # fmt: skip


@dataclass(frozen=True)
class TrackConfig:
    """Where the record is mirrored."""

    swanlab: Literal["auto", "online", "offline", "local", "off"] = option(
        "auto", "SwanLab mirror; auto is online with a key (SWANLAB_API_KEY or `swanlab login`), else offline.",
        "SwanLab 镜像；auto 在有密钥时为 online，否则为 offline。",
    )  # fmt: skip
    tensorboard: bool = option(
        False, "TensorBoard mirror, in track/tensorboard/; needs the extra tensorboard.",
        "TensorBoard 镜像，位于 track/tensorboard/；需要附加依赖 tensorboard。",
    )  # fmt: skip
    wandb: Literal["off", "offline"] = option(
        "off", "Weights & Biases mirror, in track/wandb/, without network; needs the extra wandb.",
        "Weights & Biases 镜像，位于 track/wandb/，不联网；需要附加依赖 wandb。",
    )  # fmt: skip
    project: str = option("loralab", "Name of the project in the trackers.", "跟踪工具中的项目名。")


@dataclass(frozen=True)
class RunConfig:
    """Where the run folder is made."""

    dir: str = option(
        "runs", "Folder in which run folders are made, relative to the working folder.",
        "存放运行文件夹的目录，相对于当前目录。", parse="folder",
    )  # fmt: skip
    name: str | None = option(
        None, "Name of the run; made of model and data when empty.", "运行名；留空时由模型和数据名组成。", starter=True
    )  # fmt: skip


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    run: RunConfig = field(default_factory=RunConfig)
