"""The memory plan of the reference job in, docs/memory.md and docs/memory.zh-CN.md out.

python scripts/make_memory_docs.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loralab.config.schema import Projections
from loralab.model.activations import Kind, MicroBatch
from loralab.model.memory_plan import Answering, Demand, MemoryPlan, plan_memory
from loralab.model.shape import ModelShape

DOCS = Path(__file__).parents[1] / "docs"
GIB = 1 << 30
CARDS_GIB = (24, 40, 80)

QWEN_7B = ModelShape(28, 3584, 28, 4, 128, 18944, 152064, False, layer_extras=3584 + 2 * 512)
# Rank 64 on seven projections, dropout 0.1, bfloat16; 4 rows of 384 tokens, of which about 1,000 have a loss.
JOB = Demand(
    Kind("fast", 2, 64, Projections, True, True), "cuda", MicroBatch(4, 1536, 1000), Answering(16, 128, 512),
)  # fmt: skip
WAYS = (("fast", True), ("fast", False), ("plain", True), ("plain", False))

HEADS = {
    "en": """# Memory

English | [中文](memory.zh-CN.md)

`loralab check` reckons what a run will need before anything is loaded, and prints it part by part: with the formula
of each, what is free, and how much each setting would free. A run whose plan exceeds what is free gets a warning
before its weights load; an estimate refuses nothing. The plan is in the run's record too (`peak_bytes_estimate` of
the event `plan`), beside the measured peak of every step (`peak_bytes`).

```bash
loralab check law.yaml
loralab check law.yaml --calibrate
```

With `--calibrate` the model is loaded, takes three steps of the run and decodes a few tokens; the time of the
training and an upper bound for the answers come from that. Nothing is written.

## What is added up

A run needs as much as its largest phase: loading, the check of the fast engine, training, or answering. B is the
bytes of a number of the base: 4 on a CPU, 2 on CUDA. The adapter computes in 4 bytes.

| part | bytes |
|---|---|
| process | 390 MiB on a CPU (measured); 500 MiB for CUDA itself (assumed) |
| weights | numbers x B |
| adapter | rank x (inputs + outputs) of every adapted module x 4 |
| gradients, optimizer | once and twice the adapter |
| matrices in a faster layout | fast on a CPU with AVX-512 in float32: 4 bytes x numbers of all matrices, once or twice, if the whole run then needs at most half of what is free |
| activations | tokens of a micro-batch x layers x bytes of a token, see below |
| head, or one layer's backward, for a moment | fast: 128 labels x vocabulary x 8; plain: tokens x vocabulary x B + labels x vocabulary x 8 or more |
| allocator slack | fast on a CPU: 35 % of the two above, with recomputation 55 % of what they are without it; plain on a CPU: what lies freed between blocks that stay, 40 % of it in the check; CUDA: 10 % (assumed) |

Bytes of a token in one layer, with w the width, q the width of all queries, k that of all keys, m the width of the MLP,
r the rank and n the adapted modules:

- fast: B x (2w + 2q + 2k + 2m) + 4 x (2 + heads + n x r)
- plain: B x (4q + 3m + tokens of a row) + 4 x (2w + heads + 2 x inputs of the adapted modules + n x r); without
  padding 2q + 2k instead of 4q + tokens of a row, and without dropout each input is kept once
- with `train.recompute` on, the input of each layer alone is kept, B x w, and one layer's activations for a moment

While the fast engine is checked against the plain one, the activations are those of the plain engine for one row,
recomputed, and two more sets of gradients are there. While a model loads on a CPU, the pages of
its files count as well; the system takes them back when memory is short.

On a CPU the plain engine frees many blocks between blocks that stay, and glibc seldom fits another into the gap. The
environment variable `MALLOC_MMAP_THRESHOLD_=65536` avoids that: of a model with 46 M parameters, 2 rows of 256 tokens
took 1,029 MiB instead of 1,506 MiB, in more time.

## How near it comes

`python bench/memory.py MODEL_FOLDER` takes two steps for each shape in a process of its own and compares the peak
with the plan. The same shape differs from run to run by up to a tenth, as the allocator has it; each line is one run.
In float32, rank 64, dropout 0.1, half of the tokens with a loss, on Linux with glibc:

{measured}

Nothing on CUDA has been measured: its context, its slack and the sum are estimates.

## The reference job on a card

Qwen2.5-7B in bfloat16, rank 64 on seven projections, dropout 0.1, micro-batches of 4 rows of 384 tokens with 1,000
labels; answers to 16 questions at a time. GiB, none of it measured; {cards}.

""",
    "zh": """# 内存

[English](memory.md) | 中文

`loralab check` 在加载任何东西之前估算一次运行需要的内存，并逐项列出：每项的公式、空闲多少、每个设置能省多少。
估算超过空闲内存时，运行会在加载权重前给出警告；估算不会拒绝运行。估算也写入运行记录（`plan` 事件的
`peak_bytes_estimate`），与每一步实测的峰值（`peak_bytes`）并列。

```bash
loralab check law.yaml
loralab check law.yaml --calibrate
```

加上 `--calibrate` 时会加载模型、运行三步并解码少量 token，由此得到训练时间和回答时间的上限。不写入任何文件。

## 各项之和

一次运行的需求等于其最大的阶段：加载、快速引擎自检、训练或回答。B 为基座中一个数的字节数：CPU 上为 4，CUDA 上为 2。
适配器以 4 字节计算。

| 部分 | 字节 |
|---|---|
| 进程 | CPU 上 390 MiB（实测）；CUDA 自身 500 MiB（假定） |
| 权重 | 数的个数 x B |
| 适配器 | 秩 x 每个被适配模块的（输入 + 输出）x 4 |
| 梯度、优化器 | 适配器的一倍和两倍 |
| 按更快布局存放的矩阵 | 有 AVX-512 的 CPU 上、float32 的 fast：4 字节 x 所有矩阵的数，一份或两份，前提是整个运行因此最多占用一半空闲内存 |
| 激活 | 微批的 token 数 x 层数 x 每个 token 的字节数，见下 |
| 输出层或某一层反向传播的瞬时占用 | fast：128 个标签 x 词表 x 8；plain：token 数 x 词表 x B + 标签数 x 词表 x 8 或更多 |
| 分配器余量 | CPU 上 fast：以上两项的 35 %，重算时为不重算情形的 55 %；CPU 上 plain：夹在保留块之间的已释放块，自检时为其 40 %；CUDA：10 %（假定） |

一层中每个 token 的字节数，其中 w 为宽度，q 为全部查询的宽度，k 为全部键的宽度，m 为 MLP 的宽度，r 为秩，n 为被适配的模块数：

- fast：B x (2w + 2q + 2k + 2m) + 4 x (2 + 头数 + n x r)
- plain：B x (4q + 3m + 一行的 token 数) + 4 x (2w + 头数 + 2 x 被适配模块的输入 + n x r)；没有填充时以 2q + 2k 代替
  4q + 一行的 token 数，没有 dropout 时每个输入只保留一份
- `train.recompute` 打开时，每层只保留输入 B x w，另有一层激活的瞬时占用

快速引擎与 plain 引擎比对时，激活按 plain 引擎逐行计算并重算，另有两份梯度。
在 CPU 上加载模型时，权重文件的页面也计入；内存不足时系统会收回它们。

在 CPU 上，plain 引擎会在保留的块之间释放许多块，而 glibc 很少能再利用这些空隙。环境变量
`MALLOC_MMAP_THRESHOLD_=65536` 可以避免：一个 46 M 参数的模型，2 行 256 个 token，由 1,506 MiB 降到 1,029 MiB，但更慢。

## 有多接近

`python bench/memory.py 模型文件夹` 对每种形状在单独的进程中运行两步，并将峰值与估算比较。同一形状各次运行之间因分配器而相差至多约一成；每行是一次运行。
float32，秩 64，dropout 0.1，一半的 token 有损失，Linux 与 glibc：

{measured}

CUDA 上没有任何实测：其上下文、余量与总和都是估算。

## 参考任务在显卡上

Qwen2.5-7B，bfloat16，七个投影上秩 64，dropout 0.1，微批为 4 行 384 个 token、1,000 个标签；每次回答 16 个问题。
单位 GiB，均未实测；{cards}。

""",
}
CARDS = {"en": "the last columns say what a card has left", "zh": "最后几列为显卡的剩余"}
COLUMNS = {
    "en": (
        "engine",
        "recompute",
        "weights",
        "adapter, gradients, optimizer",
        "activations",
        "the rest",
        "in all",
    ),
    "zh": ("引擎", "重算", "权重", "适配器、梯度、优化器", "激活", "其余", "合计"),
}
MEASURED_COLUMNS = {
    "en": ("model", "shape", "plan", "measured", "ratio"),
    "zh": ("模型", "形状", "估算", "实测", "比值"),
}
ARITHMETIC = {
    "en": ("## Its arithmetic", "The first row of the table, engine fast with recomputation:"),
    "zh": ("## 计算过程", "表中第一行，引擎 fast 并重算："),
}
EACH = {"en": ("part", "GiB", "reckoned as"), "zh": ("部分", "GiB", "计算方式")}
FOOT = {
    "en": "This page is made by `python scripts/make_memory_docs.py`.\n",
    "zh": "本页由 `python scripts/make_memory_docs.py` 生成。\n",
}
NAMES = {"en": "memory.md", "zh": "memory.zh-CN.md"}
SMOL = ModelShape(30, 576, 9, 3, 64, 1536, 49152, True)  # SmolLM2-135M
QWEN = ModelShape(24, 896, 14, 2, 64, 4864, 151936, True, layer_extras=1152)  # Qwen2.5-0.5B
# MiB that bench/memory.py measured: engine, rows, tokens of a row, recompute.
MEASURED = {
    "SmolLM2-135M": (SMOL, {
        ("fast", 1, 512, False): 1699, ("fast", 2, 512, False): 2262, ("fast", 1, 512, True): 1513,
        ("plain", 2, 256, False): 3734, ("plain", 2, 256, True): 2523,
    }),
    "Qwen2.5-0.5B": (QWEN, {
        ("fast", 1, 384, False): 3534, ("fast", 2, 320, False): 3924, ("fast", 2, 320, True): 3623,
        ("plain", 2, 256, False): 8363,
    }),
}  # fmt: skip


def pages() -> dict[Path, str]:
    """The text of each page by its path."""
    return {DOCS / name: _page(language) for language, name in NAMES.items()}


def plan_of(engine: str, recompute: bool) -> MemoryPlan:
    """The reference job trained in one of the four ways."""
    return plan_memory(QWEN_7B, replace(JOB, kind=replace(JOB.kind, engine=engine, recompute=recompute)))


def _page(language: str) -> str:
    head = HEADS[language].format(measured=_measured(language), cards=CARDS[language])
    title, sentence = ARITHMETIC[language]
    phase = plan_of(*WAYS[0]).largest
    parts = [(p.name.text(language), f"{p.bytes / GIB:.2f}", p.how.text(language)) for p in phase.parts]
    blocks = (_ways(language), title, sentence, _table(EACH[language], parts), FOOT[language])
    return head + "\n\n".join(blocks)


def _measured(language: str) -> str:
    rows = []
    for model, (shape, found) in MEASURED.items():
        for (engine, count, tokens, recompute), now in found.items():
            kind = Kind(engine, 4, 64, Projections, True, recompute)
            batch = MicroBatch(count, count * tokens, count * tokens // 2)
            planned = plan_memory(shape, Demand(kind, "cpu", batch, Answering(1, 1, 1))).total_bytes >> 20
            name = f"{engine}:{count}x{tokens}{':recompute' if recompute else ''}"
            rows.append((model, name, f"{planned:,} MiB", f"{now:,} MiB", f"{planned / now:.2f}"))
    return _table(MEASURED_COLUMNS[language], rows)


def _ways(language: str) -> str:
    rows = [_way(engine, recompute) for engine, recompute in WAYS]
    return _table((*COLUMNS[language], *(f"{card} GB" for card in CARDS_GIB)), rows)


def _way(engine: str, recompute: bool) -> tuple[str, ...]:
    phase = plan_of(engine, recompute).largest
    sizes = [part.bytes / GIB for part in phase.parts]
    weights, state, activations = sizes[1], sum(sizes[2:5]), sizes[5]
    total = phase.bytes / GIB
    numbers = (weights, state, activations, total - weights - state - activations, total)
    left = (f"{card - total:+.1f}" for card in CARDS_GIB)
    return (engine, "on" if recompute else "off", *(f"{n:.2f}" for n in numbers), *left)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
