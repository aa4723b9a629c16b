"""Sentences about benchmarks (`evaluate/tasks/`)."""

from __future__ import annotations

TASKS_WORDS: dict[str, str] = {
    # references and questions
    "answer {n}, counted from 0: {problem}": "第 {n} 个回答（从 0 数起）：{problem}",
    "score answers with the task that their questions belong to": "请用这些题目所属的任务来评分",
    "the reference {text!r} is none of {task}, such as {example!r}": (
        "参考答案 {text!r} 不符合 {task} 的格式，正确的写法如 {example!r}"
    ),
    # prediction files
    "is no prediction file of LawBench": "不是 LawBench 的预测文件",
    "write one JSON object such as {form}": "请写成一个 JSON 对象，如 {form}",
    "is no object with origin_prompt, prediction and refr": "不是含 origin_prompt、prediction 和 refr 的对象",
    "holds no text {missing}": "缺少文本 {missing}",
    "answer {key} {problem}": "回答 {key} {problem}",
    "is missing": "缺失",
    "its answers are not numbered from 0": "其中的回答不是从 0 开始编号",
}

TASKS_LITERAL: tuple[str, ...] = ()
