"""Chinese sentences about a base that is split over the processes of a run."""

from __future__ import annotations

SHARDING: dict[str, str] = {
    # what is refused
    "model.shard is fsdp, which splits the base over the processes of a run, and this run has one":
        "model.shard 为 fsdp，会把基座分到一次运行的各进程，而这次运行只有一个进程",
    "add --devices N, or set model.shard=auto": "加上 --devices N，或设置 model.shard=auto",
    "loralab resume {path} --devices N": "loralab resume {path} --devices N",
    "model.shard is fsdp and model.dtype is nf4: weights of 4 bits are not split":
        "model.shard 为 fsdp，而 model.dtype 为 nf4：4 位的权重不拆分",
    "set model.shard=none, or model.dtype=auto": "设置 model.shard=none，或 model.dtype=auto",
    "the weights of this model cannot be split over processes: {reason}": "该模型的权重不能分到多个进程：{reason}",
    "it has no list of layers behind an embedding": "它的嵌入层之后没有一列层",
    "its layers share weights": "它的各层共用权重",
    "it does not go through its layers once, from the first to the last": "它不是从第一层到最后一层依次各经过一遍",
    "set model.shard=none": "设置 model.shard=none",
    # what is chosen, and why
    "the base is split over {n} processes: {reason}": "基座分到 {n} 个进程：{reason}",
    "each process holds the whole base: {reason}": "每个进程都有完整的基座：{reason}",
    "the run has one process": "这次运行只有一个进程",
    "model.shard is {value}": "model.shard 为 {value}",
    "the run began so": "运行开始时就是这样",
    "weights of 4 bits are not split": "4 位的权重不拆分",
    "a process with it needs {need:.2f} GiB, which is less than 90 % of the {free:.2f} GiB that are free":
        "带有它的进程需要 {need:.2f} GiB，少于空闲的 {free:.2f} GiB 的 90 %",
    "a process with it needs {need:.2f} GiB of the {free:.2f} GiB that are free, and splitting it would free little":
        "带有它的进程需要 {need:.2f} GiB，空闲 {free:.2f} GiB，而拆分它省不下多少",
    "a process with the whole base would need {need:.2f} GiB, which is not less than 90 % of the {free:.2f} GiB that are free":
        "带有完整基座的进程需要 {need:.2f} GiB，不少于空闲的 {free:.2f} GiB 的 90 %",
    # on the way
    "{n} numbers x {size} bytes / {shards} processes, and a layer or the embedding, {largest} numbers, whole":
        "{n} 个数 x {size} 字节 / {shards} 个进程，另加完整的一层或嵌入层 {largest} 个数",
    "the base is split over the processes of this run": "基座分在本次运行的各进程中",
    "memory ran out in the middle of a pass that all processes share: {reason}":
        "在所有进程共同的一遍计算中途内存不足：{reason}",
}  # fmt: skip
