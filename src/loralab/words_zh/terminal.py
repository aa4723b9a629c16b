"""Chinese sentences of the views of a run in the terminal (`loralab show`, `loralab watch`)."""

from __future__ import annotations

TERMINAL: dict[str, str] = {
    # charts
    "{title} ({unit})": "{title}（{unit}）",
    "x {name}: no finite number at step {steps}; {n} in all": "x {name}：第 {steps} 步没有有限数值；共 {n} 个",
    # watch
    "waiting": "等待中",
    "waiting for the first event in {path}": "正在等待 {path} 中的第一条事件",
    "{path} was replaced: it is read from its start again": "{path} 已被替换：从头重新读取",
    "nothing new for {minutes} min; the process that writes the run is alive":
        "已有 {minutes} 分钟没有新内容；写入该运行的进程仍在",
    "nothing new for {minutes} min; whether the process on {host} is alive cannot be seen from here":
        "已有 {minutes} 分钟没有新内容；从这里看不到 {host} 上的进程是否仍在",
    "step {step} of {total}: loss {loss}": "第 {step}/{total} 步：损失 {loss}",
    "{line}, {left} of training left": "{line}，训练剩余 {left}",
    "{stage}: {metric} {entry}": "{stage}：{metric} {entry}",
    "held-out loss {loss} at step {step}": "第 {step} 步的留出集损失 {loss}",
    "resumed after step {step}; later steps are made again": "从第 {step} 步之后继续；其后的步重新执行",
    "{run}: {status}, evaluating {stage}, {n} answers": "{run}：{status}，正在评测{stage}，{n} 个回答",
    "{n} more scores: loralab show": "另有 {n} 个分数：loralab show",
    "no longer watching; the run itself was left alone": "已停止查看；运行本身未受影响",
}  # fmt: skip
