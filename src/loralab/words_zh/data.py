"""Sentences about rows, splits and tokens."""

from __future__ import annotations

DATA: dict[str, str] = {
    # rows and splits
    "rows cannot be kept in a temporary file: {reason}": "无法把数据行存入临时文件：{reason}",
    "free some space there, or set TMPDIR to a folder on a larger disk": "请在该处腾出空间，或把 TMPDIR 设为更大磁盘上的文件夹",
    "data.split: holds no split of an earlier run": "data.split：其中没有此前运行的数据划分",
    "give a run folder, or its data/split.json": "请指定运行文件夹，或其中的 data/split.json",
    "{n} of {all} rows that the earlier split holds for {key} are not among the usable rows, the first is {id}":
        "此前划分中用于 {key} 的 {all} 行，有 {n} 行不在可用的数据行中，第一个是 {id}",
    "{key} is not as in the earlier split: {gone} of its {all} rows are missing, {more} are new":
        "{key} 与此前的划分不同：原有 {all} 行中缺少 {gone} 行，另有 {more} 行是新的",
    "scores on other questions could not be compared": "问题不同，分数就无法比较",
    "add the files they came from to data.train, give them as data.test or data.probes again, or widen data.rows":
        "请把这些行所在的文件加入 data.train，或重新作为 data.test、data.probes 给出，或放宽 data.rows",
    "give the file of the earlier run, or remove data.split": "请给出此前运行所用的文件，或删去 data.split",
    "names {n} files; test rows and probes come from one": "对应 {n} 个文件；测试行和固定问题只能来自一个文件",
    "name one file: {path}": "请只指定一个文件：{path}",
    "holds no rows": "没有任何数据行",
    "no row is left to train on: {test} rows are held out, {probes} are probes, {unused} are left out by data.train's weights and numbers of rows":
        "没有可训练的行：留出 {test} 行，固定问题 {probes} 行，另有 {unused} 行因 data.train 的权重或行数而未取用",
    "lower data.test and data.probes, or raise the weights": "减小 data.test 和 data.probes，或增大权重",
    "mend the file: its rows after this place could not be read": "请修正该文件：此处之后的行无法读取",
    "keys of data.fields that no row has: {keys}": "data.fields 中没有任何一行具有的键：{keys}",
    "{path} has {rows} rows to train on, {wanted} were asked for": "{path} 只有 {rows} 行可训练，要求的是 {wanted} 行",
    "no row of {path} is trained on: its weight is too small": "{path} 没有一行参与训练：权重太小",
    "data.{key} asks for {wanted} rows, {rows} are taken: rows of one question stay together, and there have to be enough":
        "data.{key} 要求 {wanted} 行，实际取 {rows} 行：同一问题的行不会分开，且行数须足够",
    "all {asked} test and probe questions nearly stand in training rows ({rows} rows): scores say little about questions that were not trained on":
        "全部 {asked} 个测试问题和固定问题都与训练行的问题近似相同（涉及 {rows} 行）：分数难以说明未训练过的问题",
    "holds no questions": "其中没有问题",
    "name the file with the benchmark's questions": "请指定含有评测题目的文件",
    "is new since this run was started": "是该运行开始之后新增的",
    "take it out of the folder, or start a new run: loralab train {path}":
        "请把它移出文件夹，或开始新的运行：loralab train {path}",
    "{path} is read as {kind}": "{path} 按 {kind} 读取",
    "  {place}: {reason}: {detail}": "  {place}：{reason}：{detail}",
    "cannot be used: {reason}": "无法使用：{reason}",
    # token ids
    "the conversation has no answer that is trained on": "该对话没有任何参与训练的回答",
    "the chat template reacts to the text of the row, whose place is unclear":
        "对话模板会随该行文本而变化，无法确定文本所在位置",
    "token ids cannot be kept in a temporary file: {reason}": "无法把 token id 存入临时文件：{reason}",
    "the tokenizer runs code of its own, so token ids are not kept for the next run":
        "该分词器运行自带代码，token id 不会为下次运行保留",
    "kept token ids cannot be read from {path}: {reason}": "无法读取 {path} 中保留的 token id：{reason}",
    "kept token ids are damaged, so the rows are tokenised again: {path}": "保留的 token id 已损坏，将重新分词：{path}",
    "token ids cannot be kept in {folder} ({reason}); the next run will tokenise the rows again":
        "token id 无法保留在 {folder}（{reason}）；下次运行将重新分词",
    "{first}; {second}": "{first}；{second}",
}  # fmt: skip

DATA_LITERAL: tuple[str, ...] = ()
