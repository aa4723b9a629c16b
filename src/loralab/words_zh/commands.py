"""Chinese sentences of the command line (`cli/`)."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    # check
    "--show needs a tokenizer; add --model FOLDER": "--show 需要分词器；请加上 --model 文件夹",
    "no such file": "文件不存在",
    "no such folder": "文件夹不存在",
    "{path}: {format}, {rows} rows": "{path}：{format}，{rows} 行",
    "{read} rows read, {kept} kept: {train} to train on, {test} held out, {probes} probes":
        "读入 {read} 行，保留 {kept} 行：训练 {train} 行，留出集 {test} 行，固定问题 {probes} 个",
    "repaired: {repairs}": "已修复：{repairs}",
    "tokens: median {median}, 95 % up to {p95}, longest {max}; {total} in all, {label_total} trained on":
        "每行 token 数：中位数 {median}，95% 不超过 {p95}，最长 {max}；共 {total} 个，其中标签 token {label_total} 个",
    "without a system prompt the template opens with: {text!r}": "没有系统提示词时，对话模板的开头：{text!r}",
    "a trained answer ends with: {text!r}": "训练的回答以此结尾：{text!r}",
    "warning: {message}": "警告：{message}",
    "loralab init law.yaml, then set data.train: {path} in it":
        "loralab init law.yaml，然后在其中设置 data.train: {path}",
    "{place}: {n} tokens, {trained} trained on": "{place}：{n} 个 token，其中标签 token {trained} 个",
    # console
    "next: {command}": "下一步：{command}",
    # fetch
    "is a path; fetch needs the owner/name of a model on a hub":
        "是路径；fetch 需要模型库中的 owner/name",
    "{name} is complete": "{name} 已完整",
    "loralab train CONFIG model.name={folder}": "loralab train 配置文件 model.name={folder}",
    "{percent} % of {total}, {file}": "{percent}%，共 {total}，{file}",
    # end of a run
    "report: {path}": "报告：{path}",
    "stopped; everything up to the last finished step is saved": "已停止；最后完成的一步之前的内容均已保存",
    "stopped while it was being prepared, before anything was recorded": "在准备阶段停止，尚未记录任何内容",
    "this is a bug in loralab: {kind}: {error}": "这是 loralab 的缺陷：{kind}: {error}",
    "log: {path}": "日志：{path}",
    "exists already, nothing was written": "已存在，未写入任何内容",
    "no runs in {folder}": "{folder} 中没有运行",
    "open it in a browser, or send it as it is": "用浏览器打开，或直接发送该文件",
    "stopping after this step; Ctrl-C again stops now": "完成当前步后停止；再按一次 Ctrl-C 立即停止",
    # show
    "{run}: {status}": "{run}：{status}",
    "model {name}, engine {engine}": "模型 {name}，引擎 {engine}",
    "{path} is missing or damaged: model, engine and machine are not known": "{path} 缺失或已损坏：模型、引擎和机器未知",
    "data: {read} rows read, {kept} kept, {dropped} dropped, {cut} cut":
        "数据：读入 {read} 行，保留 {kept} 行，丢弃 {dropped} 行，截断 {cut} 行",
    "steps {n}: loss {first} to {last}": "共 {n} 步：损失从 {first} 到 {last}",
    "the last event is torn ({n} bytes) and was passed over": "最后一条事件不完整（{n} 字节），已跳过",
    "failed: {error}": "失败：{error}",
    "metric": "指标",
    # demo
    "right answers": "答对比例",
    "better: the interval excludes 0": "变好：区间不含 0",
    "no improvement shown": "未显示出改进",
    "whole answer right, first to last stage: {change}: {verdict}":
        "整个回答正确的比例，首末阶段之差：{change}：{verdict}",
    "for comparison: always the commonest law {law:.1%}, commonest department {department:.1%}; a character-bigram naive Bayes finds the law in {bayes:.1%}":
        "对照：总答最常见的法律 {law:.1%}，总答最常见的部门 {department:.1%}；字符二元朴素贝叶斯判对法律 {bayes:.1%}",
    "recorded over {n} seeds: whole answer {low:.1%} to {high:.1%}, mean {mean:.1%}":
        "{n} 个随机种子的记录：整个回答正确 {low:.1%} 到 {high:.1%}，平均 {mean:.1%}",
    # train
    "run {path}": "运行文件夹：{path}",
    "data: {train} rows to train on, {test} held out, {probes} probes; {dropped} dropped, {cut} cut":
        "数据：训练 {train} 行，留出集 {test} 行，固定问题 {probes} 个；丢弃 {dropped} 行，截断 {cut} 行",
    "model: {parameters:.1f} M parameters, {trainable:.2f} M trainable ({share:.2f} %), {dtype} on {device}, engine {engine}":
        "模型：参数 {parameters:.1f} M，可训练 {trainable:.2f} M（{share:.2f}%），{dtype}，设备 {device}，引擎 {engine}",
    "{sink} failed, the run goes on; {lost} events not mirrored: {error}":
        "{sink} 出错，运行继续；{lost} 条事件未同步：{error}",
    "evaluating: {stage}": "正在评测：{stage}",
    "evaluated {stage}: {n} answers in {seconds:.0f} s": "评测完成（{stage}）：{n} 个回答，{seconds:.0f} 秒",
    "{stage} {task}/{metric}: {value:.4f}": "{stage} {task}/{metric}：{value:.4f}",
    "step {step}/{total} {numbers}": "第 {step}/{total} 步 {numbers}",
    "loss {loss}  {rate:.0f} tokens/s  {memory:.2f} GiB  {left} left":
        "损失 {loss}  {rate:.0f} token/秒  {memory:.2f} GiB  剩余 {left}",
    # data
    "the search for near-duplicates took {seconds} s": "查找近似重复用时 {seconds} 秒",
    "page: {path}": "页面：{path}",
    ", {n} tokens trained on": "，训练 {n} 个 token",
    "in an epoch: {rows} rows ({share:.1%}) of {path}{tail}": "每轮：{path} 的 {rows} 行（{share:.1%}）{tail}",
    "{path}: {found} of {asked} questions nearly stand in the rows, {training} of them in training rows":
        "{path}：{asked} 个问题中有 {found} 个与数据行中的问题近似相同，其中 {training} 个出现在训练行中",
    "at data.max_tokens = {limit}: {cut} rows cut, {labels} tokens to train on lost, {ends} end tokens lost":
        "data.max_tokens = {limit} 时：截断 {cut} 行，损失 {labels} 个训练 token 和 {ends} 个结束符",
    "{code}, for example {place}: {text!r}": "{code}，例如 {place}：{text!r}",
    "  item {item} ({place}): {share:.0%} of it in {row} ({set})": "  第 {item} 题（{place}）：{share:.0%} 见于 {row}（{set}）",
    "  {n} more; --json lists all": "  另有 {n} 个；用 --json 列出全部",
    "warning: {n} rows of {path} cannot be read": "警告：{path} 中有 {n} 行无法读取",
    "{path}: {n} rows": "{path}：{n} 行",
    "is not empty": "不是空文件夹",
    "choose another folder": "请换一个文件夹",
    "{found} of {asked} test and probe questions nearly stand in training rows ({rows} rows): they are kept, and scores are given with and without these questions":
        "{asked} 个测试问题和固定问题中有 {found} 个与训练行的问题近似相同（涉及 {rows} 行）：这些行保留，评分同时给出包含和不含这些问题的结果",
    "{rows} training rows nearly repeat another one ({groups} groups); all are kept":
        "{rows} 个训练行与其他行近似重复（共 {groups} 组）；全部保留",
}  # fmt: skip

# Commands that read the same in both languages.
COMMANDS_LITERAL = (
    "loralab train {path}",
    "loralab show {path}",
    "loralab resume {path}",
    "loralab check {path}",
    "loralab report {path}",
    "loralab demo",
)
