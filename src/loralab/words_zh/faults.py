"""Chinese sentences about what goes wrong in a run, and what is done about it (`run/`, `train/`)."""

from __future__ import annotations

FAULTS: dict[str, str] = {
    # numbers
    "the loss of the last {n} steps, {latest:.3f} at step {step}, lies above {factor:g} times what it was at its"
    " lowest ({lowest:.3f}, a median over {window} steps): training diverges; lower train.learning_rate":
        "最近 {n} 步的损失（第 {step} 步为 {latest:.3f}）都高于其最低水平（{lowest:.3f}，{window} 步的中位数）的"
        " {factor:g} 倍：训练发散；请调低 train.learning_rate",
    "after step {step} the adapter is where it began (B has moved by {distance:.1g}): nothing is learned;"
    " raise train.learning_rate, or look at train.warmup_steps":
        "第 {step} 步之后适配器仍在起点（B 只移动了 {distance:.1g}）：没有学到任何东西；"
        "请调大 train.learning_rate，或检查 train.warmup_steps",
    # resources
    "not even one checkpoint fits: it takes {need:.1f} MiB, {free:.1f} MiB of disk are free":
        "连一个检查点都放不下：它需要 {need:.1f} MiB，磁盘空闲 {free:.1f} MiB",
    "the disk may not suffice: this run may write {need:.1f} MiB ({n} checkpoints of {each:.1f} MiB), {free:.1f} MiB"
    " are free; what needs less: train.keep_checkpoints, a larger train.save_every_steps, a smaller lora.rank":
        "磁盘可能不够：本次运行可能写入 {need:.1f} MiB（{n} 个检查点，每个 {each:.1f} MiB），空闲 {free:.1f} MiB；"
        "减少需求的办法：train.keep_checkpoints、更大的 train.save_every_steps、更小的 lora.rank",
    "memory ran out in step {step}: micro-batches have up to {after} tokens from here on instead of {before};"
    " losses differ by rounding alone, a step takes longer":
        "第 {step} 步内存不足：此后微批最多 {after} 个 token，而不是 {before} 个：损失只有舍入误差级的差别，每步更慢",
    # going on
    "{name} is passed over: the best step so far is {best}, of which there is no whole checkpoint;"
    " it is trained again":
        "跳过 {name}：目前最好的是第 {best} 步，但没有它的完好检查点；将重新训练该步",
    "free some space, then: loralab resume {path}": "请腾出空间，然后执行：loralab resume {path}",
    "make the folder writable, then: loralab resume {path}": "请使该文件夹可写，然后执行：loralab resume {path}",
    "what the run has recorded up to here is whole; it goes on from its last checkpoint":
        "到此为止的运行记录完整无损；运行会从最后一个检查点继续",
    "this run folder cannot be written": "该运行文件夹不可写",
    "make it writable, or copy it to another place and resume the copy: loralab resume COPY":
        "使其可写，或把它复制到别处并继续运行副本：loralab resume 副本",
    "was stopped before its record began; nothing is lost": "在开始记录之前就已停止；没有任何损失",
    "start it again: loralab train {path}": "请重新开始：loralab train {path}",
    "train.epochs={epochs} ends after step {total}, but this run has made {done} steps":
        "train.epochs={epochs} 在第 {total} 步结束，但本次运行已完成 {done} 步",
    "leave train.epochs as it is, or raise it": "保持 train.epochs 不变，或调大它",
    "{n} unfinished files of a process that is gone were removed: {names}":
        "已移除一个已消失进程留下的 {n} 个未写完的文件：{names}",
    "{n} lines of events.jsonl are damaged and passed over": "events.jsonl 中有 {n} 行已损坏，已跳过",
    "{n} of the {step} steps so far are not in events.jsonl: the curves and sums of this run lack them":
        "此前 {step} 步中有 {n} 步不在 events.jsonl 中：本次运行的曲线和合计缺少这些步",
    "is damaged: what the run was started with cannot be checked": "已损坏：无法核对该运行开始时的设置、数据和模型",
    "put a copy of it back, or start a new run: loralab train {path}":
        "放回它的副本，或开始新的运行：loralab train {path}",
    "the disk fails: {reason}": "磁盘出错：{reason}",
    "once the disk works again: loralab resume {path}": "磁盘恢复正常后执行：loralab resume {path}",
    "the run folder was moved or deleted while the run was going on": "运行文件夹在运行期间被移动或删除",
    "resume it where it lies now: loralab resume RUN": "在它现在的位置继续：loralab resume 运行文件夹",
}  # fmt: skip
