"""Sentences about the general check and over-fitting (`evaluate/general/`, `evaluate/overfit.py`)."""

from __future__ import annotations

GENERAL: dict[str, str] = {
    "General check (built-in prompts)": "一般能力检查（内置提示）",
    "this model cannot read {unfit} of the {all} neutral passages whole (context: {context} tokens, or letters"
    " that its vocabulary lacks): the perplexity of neutral text is not measured in this run": "该模型无法完整读取 {all} 段中性文本中的 {unfit} 段（上下文长度 {context} 个 token，或词表中缺少其中的字）：本次运行不测中性文本的困惑度",
    "Citation F1 (law articles)": "法条引用 F1",
    "Text outside the task (neutral passages): perplexity {before} ({first}) to {after} ({last}), difference of the loss {difference}, {interval}, n = {n}: {judgement}.": "任务以外的文本（中性短文）：困惑度 {before}（{first}）→ {after}（{last}），损失差值 {difference}，{interval}，n = {n}：{judgement}。",
    # rules
    "a list of texts": "文本列表",
    "a list of numbers": "数字列表",
    "a whole number from 1": "不小于 1 的整数",
    "an object with fields": "含字段的对象",
    "zh or en": "zh 或 en",
    "rule must be an object of one or more of: {kinds}": "rule 必须是一个对象，含以下一种或多种规则：{kinds}",
    "there is no rule {name!r}; rules are: {kinds}": "没有名为 {name!r} 的规则；可用的规则：{kinds}",
    "the rule {name!r} takes {what}": "规则 {name!r} 的值应为{what}",
    "language must be zh or en, found {language!r}": "language 必须是 zh 或 en，而这里是 {language!r}",
    # over-fitting
    "Nothing can be said about over-fitting: the held-out loss needs two measurements and has {n}.": "无法判断是否过拟合：留出集损失至少要测量两次，目前只有 {n} 次。",
    "{n} measurements of the held-out loss are not finite numbers and are left out.": "留出集损失有 {n} 次测量值不是有限数，未计入。",
    "Held-out loss fell from {first} (step {start}) to {low} (step {step}) and then rose by {rise} to {last} "
    "(step {end}).": "留出集损失从 {first}（第 {start} 步）降到 {low}（第 {step} 步），之后回升 {rise}，到 {last}（第 {end} 步）。",
    "Held-out loss did not fall: {low} (step {step}) is its lowest, then it rose by {rise} to {last} (step {end}).": "留出集损失没有下降：最低为 {low}（第 {step} 步），之后上升 {rise}，到 {last}（第 {end} 步）。",
    "Held-out loss ended where it began: {first} (step {start}), {last} (step {end}).": "留出集损失首尾相同：{first}（第 {start} 步）、{last}（第 {end} 步）。",
    "Held-out loss was still falling when it was last measured: {first} (step {start}) to {last} (step {end}). "
    "No over-fitting is to be seen.": "到最后一次测量时，留出集损失仍在下降：{first}（第 {start} 步）到 {last}（第 {end} 步）。看不出过拟合。",
    "Held-out loss fell from {first} (step {start}) to {last} (step {end}) and had come to a halt by then. "
    "No over-fitting is to be seen.": "留出集损失从 {first}（第 {start} 步）降到 {last}（第 {end} 步），此时已不再下降。看不出过拟合。",
    "There is no training loss to set beside it.": "没有可对照的训练损失。",
    "Training loss in the same stretch: {before} to {after} (means of {n} steps).": "同一区间的训练损失：{before} 到 {after}（各取 {n} 步的均值）。",
    "Better on what it trains on, worse on what it does not: over-fitting. "
    "Fewer epochs, a lower learning rate or more data help.": "对训练数据越来越好，对未训练的数据越来越差：这是过拟合。可以减少轮数、降低学习率或增加数据。",
    "Training loss did not fall either: a learning rate that is too high is likelier than over-fitting.": "训练损失也没有下降：更可能是学习率过高，而不是过拟合。",
    "That is too few steps to tell over-fitting from chance.": "步数太少，分不清过拟合与偶然波动。",
    "Training ended early after step {step} of {total}: {n} evaluations of {metric} in a row were no better "
    "than the best before.": "训练在第 {step} 步（共 {total} 步）后提前结束：{metric} 连续 {n} 次评测不优于此前最好。",
    "adapter/ is not written yet; the best step so far, by {metric}, is {step}.": "adapter/ 尚未写出；按 {metric}，目前最好的是第 {step} 步。",
    "adapter/ holds step {chosen}, where {metric} was best (evaluate.best_by); the held-out loss was lowest"
    " at step {step}.": "adapter/ 是第 {chosen} 步，即 {metric} 最好的一步（见 evaluate.best_by）；留出集损失在第 {step} 步最低。",
    "adapter/ is not written yet; the best step so far is {step}.": "adapter/ 尚未写出；目前最好的是第 {step} 步。",
    "adapter/ holds step {step}, where the held-out loss was lowest.": "adapter/ 是第 {step} 步，即留出集损失最低的一步。",
    "adapter/ holds step {step}, the best of the trained ones: the model without it had a lower loss.": "adapter/ 是第 {step} 步，为训练后各步中最好的；但不加适配器的模型损失更低。",
    "adapter/ holds step {chosen}, not step {step} where the held-out loss was lowest (evaluate.best_by).": "adapter/ 是第 {chosen} 步，而不是留出集损失最低的第 {step} 步（见 evaluate.best_by）。",
    "Held-out loss is over {n} test rows, which is few: a large rise can be trusted, a small one and the "
    "exact step of the turn can not.": "留出集损失只基于 {n} 行测试数据，偏少：大幅回升可信，小幅回升和拐点的确切步数则不可靠。",
}
