"""Chinese sentences about runs: folders, training, verdicts (`run/`, `train/`, `evaluate/`)."""

from __future__ import annotations

RUNS: dict[str, str] = {
    # stages
    "before": "训练前",
    "epoch {number}": "第 {number} 轮",
    "after": "训练后",
    # verdict
    "Held-out loss": "留出集损失",
    "Exact match": "完全匹配率",
    "Nothing can be said about better or worse: fewer than two stages were scored.":
        "无法判断变好或变差：评分的阶段不足两个。",
    "n = {n} is few: only large differences can be shown.": "n = {n}，样本较少：只能显示出较大的差异。",
    "no difference shown": "未显示出差异",
    "better": "变好",
    "worse": "变差",
    "no interval from fewer than {n} rows": "少于 {n} 行，不给区间",
    "model.revision has no effect on a local folder": "model.revision 对本地文件夹不起作用",
    "remove it": "删去它",
    "train.warmup_steps is {warmup}, the run has {steps} steps: the learning rate never reaches its peak": (
        "train.warmup_steps 为 {warmup}，而本次运行只有 {steps} 步：学习率到不了峰值"
    ),
    # engine
    "engine {name}: {reason}": "引擎 {name}：{reason}",
    "train.engine is plain": "train.engine 为 plain",
    "the run began on it": "本次运行以它开始",
    "the fast engine fails here: {error}": "快速引擎在此处出错：{error}",
    "it agrees with the plain engine on {rows} rows of the first step, {tokens} tokens: loss {fast:.6f}, there {plain:.6f}":
        "在第一步的 {rows} 行（{tokens} 个 token）上与 plain 引擎一致：损失 {fast:.6f}，plain 为 {plain:.6f}",
    "the fast engine does not agree with the plain one on {rows} rows of the first step: loss {fast}, there {plain};"
    " gradient of {tensor}: cosine {cosine:.6f}; largest relative difference of a gradient {difference:.2g}":
        "快速引擎在第一步的 {rows} 行上与 plain 引擎不一致：损失 {fast}，plain 为 {plain}；"
        "{tensor} 的梯度余弦为 {cosine:.6f}；梯度的最大相对差异为 {difference:.2g}",
    "micro-batches have up to {tokens} tokens instead of {asked}, so that training fits into the {free:.2f} GiB"
    " that are free: losses differ by rounding alone, a step takes longer": "为了在空闲的 {free:.2f} GiB 内训练，微批最多 {tokens} 个 token，而不是 {asked} 个：损失只有舍入误差级的差别，每步更慢",
    "the fast engine began with {name} {before} and has {now} here: from here on losses are the same within"
    " 1e-5 of their value (1e-2 in bfloat16), not to the last bit":
        "快速引擎开始时的 {name} 为 {before}，此处为 {now}：此后损失的相对误差在 1e-5 以内（bfloat16 为 1e-2），不再逐位相同",
    "dropout masks were made by {before} and are made by {now} on this device: they drop the same share, but other"
    " elements, so from here on losses are not those of a run that was not interrupted":
        "dropout 掩码原由 {before} 生成，在此设备上由 {now} 生成：丢弃的比例相同，但元素不同，因此此后的损失与未中断的运行不同",
    "dropout masks are made by operations of torch, the same bits in more time: the kernel of Triton fails here: {error}":
        "dropout 掩码由 torch 的运算生成，结果逐位相同，但更慢：Triton 内核在此处出错：{error}",
    "dropout masks are made by operations of torch: the kernel of Triton makes others, of width {width}":
        "dropout 掩码由 torch 的运算生成：宽度为 {width} 时，Triton 内核生成的掩码与之不同",
    "train.engine is fast, which cannot be had: {reason}": "train.engine 为 fast，但无法使用：{reason}",
    "answers come from the model's own forward, which is slower: {reason}": "回答由模型自己的前向计算得出，较慢：{reason}",
    "this processor has no instructions for bfloat16 products (avx512_bf16 or amx_bf16): a step may take tens of"
    " times as long as with model.dtype=float32": "此处理器没有 bfloat16 乘法指令（avx512_bf16 或 amx_bf16）：一步可能比 model.dtype=float32 慢几十倍",
    "model.dtype is nf4, which cannot be had": "model.dtype 为 nf4，但无法使用",
    "bitsandbytes is used on CUDA and on a CPU, not on {device}": "bitsandbytes 用于 CUDA 和 CPU，不用于 {device}",
    "set model.dtype=auto": "设置 model.dtype=auto",
    "it needs the package bitsandbytes": "它需要 bitsandbytes 包",
    "pip install 'loralab[cuda]', or set model.dtype=auto": "pip install 'loralab[cuda]'，或设置 model.dtype=auto",
    "answers come from the fast decoder": "回答由快速解码器得出",
    "set train.engine=auto or train.engine=plain": "设置 train.engine=auto 或 train.engine=plain",
    "this run began on the fast engine, which cannot be had now: {reason}":
        "本次运行以快速引擎开始，而现在无法使用它：{reason}",
    "on the plain engine it would not be the same run: numbers differ by rounding":
        "换成 plain 引擎就不再是同一次运行：数值会有舍入差异",
    "bring back what manifest.json names under versions and hardware, or start a new run:"
    " loralab train {path} train.engine=plain":
        "请恢复 manifest.json 中 versions 和 hardware 所列的环境，或开始新的运行：loralab train {path} train.engine=plain",
    "memory does not suffice: {reason}": "内存不足：{reason}",
    "everything up to the last checkpoint is saved": "到最近一个检查点为止的内容都已保存",
    "in training, set train.batch_rows lower and train.accumulate as much higher (the result is"
    " the same), train.recompute=on, or data.max_tokens lower; in evaluation, evaluate.batch_rows lower": (
        "训练时：减小 train.batch_rows 并同倍增大 train.accumulate（结果不变），或设 train.recompute=on，"
        "或减小 data.max_tokens；评测时：减小 evaluate.batch_rows"
    ),
    "95 % interval {low} to {high}": "95% 区间 {low} 到 {high}",
    "{name}: {before} ({first}) to {after} ({last}), difference {difference}, {interval}, n = {n}: {judgement}.":
        "{name}：{before}（{first}）→ {after}（{last}），差值 {difference}，{interval}，n = {n}：{judgement}。",
    # folder
    "free some space, then run the command again; a run goes on with loralab resume":
        "请腾出空间，然后重新执行命令；运行可用 loralab resume 继续",
    "choose another place: run.dir=FOLDER for runs, else the command's own option":
        "请另选位置：运行用 run.dir=文件夹，其他命令用各自的选项",
    "no such run folder": "运行文件夹不存在",
    "is not a run folder: it has neither manifest.json nor config.yaml":
        "不是运行文件夹：既没有 manifest.json，也没有 config.yaml",
    "loralab ls lists the runs of a folder": "loralab ls 可列出文件夹中的运行",
    "another process writes this run: pid {pid} on {host}": "另一个进程正在写入该运行：{host} 上的进程 {pid}",
    "wait for it; if that machine is gone for good, delete the file LOCK":
        "请等待其结束；若那台机器已不再使用，请删除 LOCK 文件",
    "was written by a newer loralab (format {format})": "由更新版本的 loralab 写入（格式 {format}）",
    # loop
    "step {step}: the gradient is exactly zero, nothing would be learned":
        "第 {step} 步：梯度恰好为零，学不到任何东西",
    "step {step}: loss {loss}, gradient norm {norm}: not finite":
        "第 {step} 步：损失 {loss}，梯度范数 {norm}：不是有限数值",
    "the step was not applied; the last good checkpoint is step {step}":
        "这一步没有生效；最后一个完好的检查点在第 {step} 步",
    "the step was not applied; there is no checkpoint yet": "这一步没有生效；尚无检查点",
    "lower train.learning_rate, or look at these rows": "调低学习率 train.learning_rate，或检查这些行",
    "the chosen checkpoint is damaged: {reason}": "选中的检查点已损坏：{reason}",
    "evaluate.best_by is {metric}, which {stage} gives no value for: step {step} cannot be chosen":
        "evaluate.best_by 为 {metric}，而 {stage} 没有它的值：第 {step} 步不能被选中",
    "evaluate.best_by is {metric}, which was measured at no step: adapter/ is the last step, {step}":
        "evaluate.best_by 为 {metric}，但没有任何一步测得它：adapter/ 取最后一步，即第 {step} 步",
    "training ended early after step {step} of {total}: {n} evaluations of {metric} in a row were no better"
    " than {value} (train.stop_after_worse_evaluations)":
        "训练在第 {step} 步（共 {total} 步）后提前结束：{metric} 连续 {n} 次评测不优于 {value}"
        "（train.stop_after_worse_evaluations）",
    # how the adapter is chosen, checked with the data at hand; some follow the key
    "there are no test rows: held-out loss cannot be measured": "没有测试行：无法测量留出集损失",
    "give test rows with data.test, or remove the setting": "用 data.test 给出测试行，或删去该设置",
    "is {every}, but the run has {steps} steps: it would have no effect":
        "为 {every}，但本次运行只有 {steps} 步：它不会起作用",
    "is {metric}, which is measured at the end of epochs, but training ends within the first":
        "为 {metric}，它在每轮结束时测量，但训练在第一轮内就结束",
    "is {metric}, but no answered question of this run gives a value for it":
        "为 {metric}，但本次运行所回答的题目都给不出它的值",
    "raise evaluate.answers, or choose by another metric": "增大 evaluate.answers，或改用其他指标选择",
    "is {patience}: {needed} evaluations of {metric} are needed before the last step, and the run has"
    " {possible}; it could never act":
        "为 {patience}：最后一步之前需要 {needed} 次 {metric} 评测，而本次运行只有 {possible} 次；它不可能起作用",
    "lower it, or set evaluate.heldout_every_steps": "把它调小，或设置 evaluate.heldout_every_steps",
    "lower it, or train for more epochs": "把它调小，或增加训练轮数",
    # rows
    "no row is left to train on; dropped: {reasons}": "没有剩下可训练的行；丢弃：{reasons}",
    "raise data.max_tokens, or look at the dropped rows: loralab check CONFIG --json":
        "调大 data.max_tokens，或查看被丢弃的行：loralab check 配置文件 --json",
    "look at the dropped rows: loralab check CONFIG --json":
        "查看被丢弃的行：loralab check 配置文件 --json",
    "the same question and answer stand in an earlier row": "与前面某一行的问题和回答相同",
    "{n} entries of data folders are not read, as they are folders (FOLDER/**/*.jsonl is any depth), hidden, or not named as data files: {names}":
        "数据文件夹中有 {n} 项从名称看不是数据文件，未读取：{names}",
    "{n} of {read} rows dropped: {reasons}": "{read} 行中丢弃了 {n} 行：{reasons}",
    "{n} answers are cut at data.max_tokens = {limit} and lose their end: raise data.max_tokens, or set data.on_long: drop":
        "{n} 个回答在 data.max_tokens = {limit} 处被截断，失去结尾：请调大 data.max_tokens，或设置 data.on_long: drop",
    "keys of the rows that are not used: {keys}": "行中未使用的键：{keys}",
    "{n} questions have more than one answer; none is left out for that": "{n} 个问题有不同的回答；没有因此丢弃任何一行",
    "{n} extra copies of rows (data.on_duplicate: {choice})":
        "重复行多出 {n} 份（data.on_duplicate: {choice}）",
    "{n} rows have a token that would span question and answer; they are split there, as in generation; first: {place}":
        "{n} 行有跨越问题与回答边界的 token；已像生成时那样在此处切开；首处：{place}",
    "no question can be held out: the probe is a training row, marked seen":
        "行数太少，无法留出：固定问题取自训练行，标记为 seen",
    "no row is left to train on": "没有剩下可训练的行",
    "too few questions to hold out a test set: there will be no held-out loss":
        "行数太少，无法留出测试集：没有留出集损失",
    # resume
    "the lock of a process that is gone was removed": "已移除一个已消失进程的锁",
    "{n} bytes of a torn last event were cut off": "已截去最后一条不完整事件的 {n} 字节",
    "{name} is damaged and passed over: {reason}": "{name} 已损坏，已跳过：{reason}",
    "{run} is finished: nothing to do": "{run} 已完成：无需再做",
    "to train longer: loralab resume {run} train.epochs=N, with N above {epochs}":
        "要继续训练：loralab resume {run} train.epochs=N，N 大于 {epochs}",
    "its training was ended early, by train.stop_after_worse_evaluations":
        "其训练已由 train.stop_after_worse_evaluations 提前结束",
    "other epochs would not train it further": "改变轮数不会使它继续训练",
    "to train longer, start a new run: loralab train {path} with a larger number or null there":
        "要训练更久，请开始新的运行：loralab train {path}，并把该设置调大或设为 null",
    "{run} goes on after step {step}": "{run} 从第 {step} 步之后继续",
    "{name} cannot change in a resumed run; only train.epochs and track.* can":
        "继续运行时不能更改 {name}；只能更改 train.epochs 和 track.*",
    "config.yaml is missing": "缺少 config.yaml",
    "was edited since the run was started": "在运行开始后被修改过",
    "undo the edit, or start a new run: loralab train {path}":
        "撤销修改，或开始新的运行：loralab train {path}",
    "was used by this run and is gone": "该运行用过此文件，现已不存在",
    "has changed since this run was started": "在该运行开始后发生了变化",
    "put the old file back, or start a new run: loralab train {path}":
        "恢复原来的文件，或开始新的运行：loralab train {path}",
    "the rows of this run come out differently now; another version of loralab may have made it":
        "该运行的数据行现在得到的结果不同；它可能由另一版本的 loralab 生成",
}  # fmt: skip

RUNS_LITERAL = ("ROUGE-L", "pip install --upgrade loralab")
