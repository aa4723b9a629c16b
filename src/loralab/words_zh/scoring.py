"""Sentences about scoring prediction files (`evaluate/`, `cli/score.py`)."""

from __future__ import annotations

SCORING: dict[str, str] = {
    # tasks
    "there is no task {name!r}": "没有名为 {name!r} 的任务",
    "use one of: {names}": "请使用其中之一：{names}",
    # question files
    "has no options A, B, ... to choose from": "没有可供选择的选项 A、B……",
    "the answer {answer!r} is none of the options {options}": "答案 {answer!r} 不在选项 {options} 之中",
    "is a question of the task {task}": "是任务 {task} 的题目",
    "score it with --task {task}": "请用 --task {task} 评分",
    # prediction files
    "holds no answer; its fields are: {keys}": "不含回答；已有字段：{keys}",
    "name the field of the answers answer, prediction or model_output":
        "请将回答所在的字段命名为 answer、prediction 或 model_output",
    "{name} is null: there is no answer": "{name} 为 null：没有回答",
    "answer it again, or leave the row out and count it as wrong with --missing wrong":
        "请重新作答，或去掉该行并用 --missing wrong 计为错误",
    "the id {id!r} has been answered already, at {place}": "id {id!r} 已在 {place} 处作答",
    "the predictions hold no references": "预测文件不含参考答案",
    "add --questions FILE, the file of the task {task}": "请加上 --questions 文件，即任务 {task} 的题目文件",
    "has no reference, unlike other rows": "没有参考答案，而其他行有",
    # joining
    "the id {id!r} is none of the questions' ids": "id {id!r} 不在题目文件的 id 之中",
    "the question of the id {id!r} is another one in the questions file": "id {id!r} 的问题与题目文件中的不同",
    "has neither an id nor a question, so that it cannot be told what it answers":
        "既无 id 也无问题，无法判断回答的是哪道题",
    "answers a question that is not (or no more often) in the questions file: {text}":
        "所回答的问题不在题目文件中（或出现次数更多）：{text}",
    "{n} of {all} questions have no prediction: {names}": "{all} 道题中有 {n} 道没有预测：{names}",
    "answer the rest, or count them as wrong with --missing wrong": "请补答其余题目，或用 --missing wrong 计为错误",
    # results
    "no answer could be scored: the task leaves out all {n} rows": "没有可评分的回答：按任务规则，全部 {n} 行均不计分",
    "{n} of {all} rows are left out of the score by the task's rule": "按任务规则，{all} 行中有 {n} 行不计分",
    "{n} references of the predictions differ from those of the questions file, which count":
        "预测文件中有 {n} 条参考答案与题目文件不同，以题目文件为准",
    "{n} questions without prediction count as wrong": "{n} 道没有预测的题计为错误",
    "score another stage's or model's predictions with the same task, to set them side by side":
        "用同一任务为另一阶段或另一模型的预测评分，以便对照",
}  # fmt: skip
