"""A language in, the sentences of the section "Paper plan" out; `paper_plan.py` fills the numbers in."""

from __future__ import annotations

from typing import Any

TEXTS: dict[str, dict[str, Any]] = {
    "en": {
        "head": """## Paper plan

What four jobs would need and take, before anybody has run them. **No GPU has run any of this.** Each number is one of:
**M** measured here, **A** arithmetic from shapes, **V** a vendor's number, **U** assumed, to be replaced by the first
measurement; a product of several has the weakest label of its factors. `python scripts/paper_plan.py` prints this section
from its formulas; bytes come from the memory plan of `loralab check` ([memory.md](memory.md)).

The job is the one of the [tutorial](tutorial.md): rank {rank} on seven projections, {rows} rows a step, at most
{most} tokens a row, {steps} steps, bfloat16, engine fast, `train.recompute` on. Rows have {mean} tokens on average, and
{share:.0%} of them have a loss (M: 5,000 rows of a legal QA set, the tokenizer of Qwen2.5).

### Bytes of a device""",
        "held": ("job", "base", "GiB: base (A)", "adapter, gradients, optimizer (A)", "activations, or the cache of answers (A)", "the rest (A, U)",
                 "in all (U)", "card has left (U)", "`shard: auto` takes it"),
        "way": {"whole": "whole in each", "split": "split (`model.shard: fsdp`)", "turn": "in turn (`model.device_map: auto`)"},
        "yes": "yes", "no": "", "full": "does not fit",
        "held_foot": """- base: numbers x 2 bytes; split: / devices, and the larger of one layer and the embedding for a moment.
- adapter, gradients, optimizer: rank x (inputs + outputs) of all adapted modules x 16 bytes, whole in each process.
- activations: tokens of a micro-batch x layers x width x 2 bytes; a micro-batch is a device's rows at {most} tokens. Where
  answering needs more, it stands there instead: {answering} rows x 640 tokens x layers x keys and values.
- the rest: 500 MiB for CUDA (U), the head or one layer for a moment (A), a tenth of that for the allocator (U).
- In turn: the engine is plain; base, adapter and activations / N, as an average card has them. What is unevenly laid out
  decides about the fullest card.
- `shard: auto` goes by what is whole, {reserve} GB more, and nine tenths of the card: it splits 14B on 40 GB, although the
  plan leaves room, where `model.shard: none` would be faster.
- It rests on: the plan against measured peaks of 9 runs on a CPU, 0.92 to 1.05 (M, [memory.md](memory.md)). Its part for
  CUDA has not been measured. That a split base takes base / N was measured on a CPU.

### A step""",
        "step": ("job", "base", "GB on a device's link (A)", "link", "s for them (U)", "s of computing (U)", "s of a step (U)",
                 "bottleneck", "{steps} steps, h (U)", "device hours (U)"),
        "compute": "computing", "wire": "the link",
        "step_foot": """- operations of a token: 6 x numbers of the layers + 8 x those of the adapter + 4 x the head x share of labels (A): with
  frozen weights forward and backward are 4, recomputation 2 more.
- computing: tokens of a step / devices x operations of a token / (peak x {peak}). Peaks, dense bfloat16 (V): {peaks}.
- sum of gradients: 2 (N - 1) / N x 4 bytes x numbers of the adapter, once a step. Split: {gathers} x (N - 1) / N x bytes of the
  base for each micro-batch, of which there is one a step here. In turn: hidden states and their gradients between cards,
  in all; that cards wait for each other is in the time of computing, which is that of one.
- link: bytes / (bytes of the link a second x {link}). Links, one way (V): {links}. Nothing overlaps.
- In turn: rows are padded, of which {padding:.1%} are tokens (M: batches of 4 of the same rows), and the head computes every
  token.
- Times are as good as the shares {peak} and {link}: if a card reaches half of it, computing takes twice as long. Held-out
  losses, answers, loading and checkpoints are not in them.
- **Dropout masks are not in them.** With `lora.dropout: 0.1` a step of {model} needs {masks:.1f} billion numbers (A), {made} times: forward,
  recomputed, backward. They are made on the card, in one of two ways ([engine.md](engine.md#dropout-masks)), both **unverified on a GPU**:
  - by one kernel of Triton: {kernel_bytes} byte a number is written (A), {kernel_all:.1f} GB a step, and {instructions:.1f} instructions a number are carried
    out ({code} for {code_numbers} numbers, counted in the code that Triton 3.9 makes for an {name}). Seconds = the larger of bytes / devices /
    (memory bandwidth x {memory}) and instructions / devices / (instructions on integers a second x {peak}): on one {name}, {integers:.2f}
    trillion a second (V), {kernel_memory:.3f} and {kernel_code:.3f}, so {kernel_seconds:.2f} s a step beside {compute_seconds:.1f} s of computing (U). {kernel_launches} launches for each
    micro-batch (A).
  - by integer operations of torch, where the kernel cannot be had: a number moves {moved} bytes (A), {moved_all:.1f} TB a step, and
    seconds = bytes / devices / (memory bandwidth x {memory}): on one {name} {mask_seconds:.1f} s a step (U). Less where pieces of {piece:.1f} million numbers
    stay in the card's cache; at least the time of {launches:.0f} thousand launches (A), which has not been measured either.
- The same masks by one core of the machine here, {rate:.0f} million numbers a second (M), as they were made for GPUs before: {core_seconds:.1f} core
  seconds a step (U) and {copied:.1f} GB to the card (A). `lora.dropout: 0` needs none.
- Held against a run: the tutorial's authors took 29 min 6 s for it on 4 x A100 40 GB in turn, with evaluation, on rows of
  another data set. These formulas say {published:.0f} min. Times here may well be too short by half.
- It rests on: tokens and labels of rows (M); that all ways give the same losses (M, on CPUs). Cost is device hours x your
  price of one.

### A study of {cells} cells on {gpus} GPUs

{cells} cells as `loralab study --on slurm` or `--on ray` trains them: each the job above with {model}, one {card} GB card ({name})
each, all alike, {waves} waves.""",
        "study": ("what", "value", "reckoned as"),
        "study_rows": {
            "train": ("training of a cell", "{train:.2f} h (U)", "{steps} x a step on one device"),
            "answer": ("answers of a cell, at most", "{answer:.2f} h (U)",
                       "{stages} stages x {batches} batches x {new} tokens x bytes of the base / (memory bandwidth {bandwidth} GB/s (V) x {memory})"),
            "load": ("loading, {gpus} at once", "{load:.3f} h (U)", "{gpus} x {base:.1f} GB / storage of {storage} GB/s (U)"),
            "save": ("checkpoints of a cell", "{save:.3f} h (U)", "{saves} x {gpus} x {checkpoint:.2f} GB / storage"),
            "all": ("the study", "{wall:.0f} h, {hours:,.0f} device hours (U)", "{waves} waves x a cell; {used:.1%} of the places are taken (A)"),
            "disk": ("disk", "{disk_all:.1f} TB; {disk_few:.1f} TB with `train.keep_checkpoints: 1` (A)",
                     "{cells} x (adapter {adapter:.2f} GB + {saves} or at most 2 checkpoints of {checkpoint:.2f} GB)"),
            "queue": ("handing out {cells} tasks with Ray", "{queue:.1f} s (A)", "{cells} / 100 x 60 ms, which 100 empty tasks took on one machine (M)"),
            "lost": ("a machine that is lost", "at most {lost:.0f} min of each of its cells (U)", "{every} steps, back to the last checkpoint"),
        },
        "study_foot": """The bottleneck is {first}, then {second}. A cell on several devices spends time on sums of gradients and saves no
device hours: with more cells than GPUs, one GPU for each is the cheapest. Not known: how long
`loralab study status` takes over {cells} cells on shared storage, and what a cluster's own queue adds.""",
        "names": {"train": "computing", "answer": "answering", "load": "loading", "save": "writing checkpoints"},
    },
    "zh": {
        "head": """## 纸面计划

四项任务在无人运行之前的需求与用时。**没有任何 GPU 运行过这些。** 每个数属于以下之一：**M** 在此实测，**A** 由形状算出，
**V** 厂商给出，**U** 假定，待第一次实测后替换；几个数的乘积取其中最弱的标记。`python scripts/paper_plan.py` 由公式打印本节；
字节数来自 `loralab check` 的内存估算（[memory.zh-CN.md](memory.zh-CN.md)）。

任务即[教程](tutorial.zh-CN.md)的任务：七个投影上秩 {rank}，每步 {rows} 行，每行至多 {most} 个 token，{steps} 步，bfloat16，引擎 fast，
`train.recompute` 打开。每行平均 {mean} 个 token，其中 {share:.0%} 有损失（M：一个法律问答集的 5,000 行，Qwen2.5 的分词器）。

### 每个设备的字节""",
        "held": ("任务", "基座", "GiB：基座 (A)", "适配器、梯度、优化器 (A)", "激活，或回答的缓存 (A)", "其余 (A, U)",
                 "合计 (U)", "显卡剩余 (U)", "`shard: auto` 的选择"),
        "way": {"whole": "各自完整", "split": "拆分（`model.shard: fsdp`）", "turn": "依次（`model.device_map: auto`）"},
        "yes": "是", "no": "", "full": "放不下",
        "held_foot": """- 基座：数的个数 x 2 字节；拆分时除以设备数，另有一层与嵌入中较大者的瞬时占用。
- 适配器、梯度、优化器：秩 x 全部被适配模块的（输入 + 输出）x 16 字节，每个进程各有完整一份。
- 激活：微批的 token 数 x 层数 x 宽度 x 2 字节；微批为一个设备的各行，每行 {most} 个 token。回答需要更多时，列出的是回答：
  {answering} 行 x 640 个 token x 层数 x 键和值。
- 其余：CUDA 500 MiB (U)，输出层或某一层的瞬时占用 (A)，分配器为其十分之一 (U)。
- 依次：引擎为 plain；基座、适配器和激活除以 N，即平均每张卡的量。分布不均时由最满的那张卡决定。
- `shard: auto` 按完整的一份、另加 {reserve} GB、以及显卡的九成来判断：14B 在 40 GB 上会被拆分，尽管估算还有剩余；那里
  `model.shard: none` 会更快。
- 依据：估算与 CPU 上 9 次运行实测峰值之比为 0.92 至 1.05（M，[memory.zh-CN.md](memory.zh-CN.md)）。其 CUDA 部分没有实测。
  拆分的基座占 base / N 是在 CPU 上测得的。

### 一步""",
        "step": ("任务", "基座", "一个设备链路上的 GB (A)", "链路", "传输秒数 (U)", "计算秒数 (U)", "一步秒数 (U)",
                 "瓶颈", "{steps} 步小时数 (U)", "设备小时 (U)"),
        "compute": "计算", "wire": "链路",
        "step_foot": """- 每个 token 的运算：6 x 各层的数 + 8 x 适配器的数 + 4 x 输出层 x 标签占比 (A)：权重冻结时前向与反向为 4，重算再加 2。
- 计算：一步的 token 数 / 设备数 x 每个 token 的运算 /（峰值 x {peak}）。峰值，稠密 bfloat16 (V)：{peaks}。
- 梯度求和：2 (N - 1) / N x 4 字节 x 适配器的数，每步一次。拆分：每个微批 {gathers} x (N - 1) / N x 基座的字节，这里每步一个微批。
  依次：各卡之间的隐藏状态及其梯度之和；各卡互相等待的时间在计算秒数中，即一个设备的用时。
- 链路：字节 /（链路每秒字节 x {link}）。链路，单向 (V)：{links}。没有任何重叠。
- 依次：各行有填充，其中 {padding:.1%} 是 token（M：同一数据每批 4 行），输出层计算每个 token。
- 用时取决于 {peak} 与 {link} 这两个比例：若显卡只达到一半，计算就要两倍的时间。不含留出集损失、回答、加载和检查点。
- **不含 dropout 掩码。** `lora.dropout: 0.1` 时 {model} 的一步需要 {masks:.1f} 十亿个数 (A)，各生成 {made} 次：前向、重算、反向。它们在显卡上以两种方式之一
  生成（[engine.zh-CN.md](engine.zh-CN.md)），均**未在 GPU 上验证**：
  - 用一个 Triton 内核：每个数写 {kernel_bytes} 字节 (A)，每步 {kernel_all:.1f} GB；每个数执行 {instructions:.1f} 条指令（每 {code_numbers} 个数 {code} 条，数自 Triton 3.9 为 {name} 生成的代码）。
    秒数取二者中较大的：字节 / 设备数 /（显存带宽 x {memory}），指令 / 设备数 /（每秒整数指令数 x {peak}）：一块 {name}（每秒 {integers:.2f} 万亿条，V）上为 {kernel_memory:.3f} 与 {kernel_code:.3f}，
    即每步 {kernel_seconds:.2f} 秒，计算为 {compute_seconds:.1f} 秒 (U)。每个微批启动 {kernel_launches} 次 (A)。
  - 内核无法使用时用 torch 的整数运算：每个数读写 {moved} 字节 (A)，每步 {moved_all:.1f} TB；秒数 = 字节 / 设备数 /（显存带宽 x {memory}）：一块 {name} 上每步 {mask_seconds:.1f} 秒 (U)。
    若每块 {piece:.1f} 百万个数留在显卡的缓存里则更少；至少需要 {launches:.0f} 千次内核启动的时间 (A)，同样没有测量过。
- 同样的掩码由这里的一个核生成，每秒 {rate:.0f} 百万个 (M)，即以前 GPU 所用的方式：每步 {core_seconds:.1f} 核秒 (U)，另有 {copied:.1f} GB 送到显卡 (A)。
  `lora.dropout: 0` 不需要。
- 与一次运行对照：教程作者在 4 x A100 40 GB 上依次计算，用了 29 分 6 秒，含评测，数据集不同。这些公式给出 {published:.0f} 分钟。
  这里的用时很可能偏短一半。
- 依据：各行的 token 与标签 (M)；各种方式得到的损失相同（M，在 CPU 上）。费用为设备小时 x 你的单价。

### {gpus} 块 GPU 上 {cells} 个单元的研究

{cells} 个单元，由 `loralab study --on slurm` 或 `--on ray` 训练：每个是以上任务，模型 {model}，各用一块 {card} GB 的卡（{name}），
全部相同，共 {waves} 轮。""",
        "study": ("项目", "数值", "计算方式"),
        "study_rows": {
            "train": ("一个单元的训练", "{train:.2f} 小时 (U)", "{steps} x 一个设备上的一步"),
            "answer": ("一个单元的回答，至多", "{answer:.2f} 小时 (U)",
                       "{stages} 个阶段 x {batches} 批 x {new} 个 token x 基座字节 /（显存带宽 {bandwidth} GB/s (V) x {memory}）"),
            "load": ("加载，{gpus} 个同时", "{load:.3f} 小时 (U)", "{gpus} x {base:.1f} GB / 存储 {storage} GB/s (U)"),
            "save": ("一个单元的检查点", "{save:.3f} 小时 (U)", "{saves} x {gpus} x {checkpoint:.2f} GB / 存储"),
            "all": ("整个研究", "{wall:.0f} 小时，{hours:,.0f} 设备小时 (U)", "{waves} 轮 x 一个单元；位置占用 {used:.1%} (A)"),
            "disk": ("磁盘", "{disk_all:.1f} TB；`train.keep_checkpoints: 1` 时 {disk_few:.1f} TB (A)",
                     "{cells} x（适配器 {adapter:.2f} GB + {saves} 个或至多 2 个检查点，每个 {checkpoint:.2f} GB）"),
            "queue": ("用 Ray 分发 {cells} 个任务", "{queue:.1f} 秒 (A)", "{cells} / 100 x 60 毫秒，即单机上 100 个空任务的用时 (M)"),
            "lost": ("丢失一台机器", "其上每个单元至多 {lost:.0f} 分钟 (U)", "{every} 步，回到最后的检查点"),
        },
        "study_foot": """瓶颈是{first}，其次是{second}。用几个设备训练一个单元要为梯度求和多花时间，而不节省设备小时：单元多于 GPU 时，每个单元一块
GPU 最省。尚不知道：`loralab study status` 在共享存储上读 {cells} 个单元要多久，以及集群自己的队列要多久。""",
        "names": {"train": "计算", "answer": "回答", "load": "加载", "save": "写检查点"},
    },
}  # fmt: skip
