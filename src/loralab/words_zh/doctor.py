"""Sentences about what a close look at the data finds."""

from __future__ import annotations

DOCTOR: dict[str, str] = {
    "{n} answers hold a placeholder that nobody filled in, such as {text}": "{n} 条回答含有未填写的占位内容，例如：{text}",
    "{n} answers refuse, or speak as an AI model: {text}": "{n} 条回答拒绝作答，或以 AI 模型自称：{text}",
    "{n} answers are the question itself": "{n} 条回答与问题完全相同",
    "{n} answers stand word for word in their question": "{n} 条回答逐字出现在自己的问题中",
    "{n} answers begin with the whole question": "{n} 条回答开头完整重复了问题",
    "{n} answers seem to be cut off: they stop without a mark, where the others end with one": (
        "{n} 条回答疑似被截断：末尾没有标点，而其他回答大多以标点结尾"
    ),
    "{n} answers are a single word, such as {text}, where the others say more": (
        "{n} 条回答只有一个词，例如“{text}”，而其他回答都更完整"
    ),
    "{n} rows hold HTML tags or entities, such as {text}": "{n} 条数据含有 HTML 标签或实体，例如：{text}",
    "{n} rows hold wrongly decoded characters, such as {text}": "{n} 条数据含有乱码（编码错误），例如：{text}",
    "{n} answers begin or end with one of {sentences} sentences that more than 1 % of the answers share;"
    " the most frequent stands in {most}: {text}": (
        "{n} 条回答的首句或末句是套话（共 {sentences} 句，每句出现在超过 1% 的回答中）；最常见的一句出现 {most} 次：{text}"
    ),
    "{n} answers are far shorter than the others: under {bound} characters, where the median is {median}": (
        "{n} 条回答明显过短：不足 {bound} 字，而中位数为 {median} 字"
    ),
    "{n} answers are far longer than the others: over {bound} characters, where the median is {median}": (
        "{n} 条回答明显过长：超过 {bound} 字，而中位数为 {median} 字"
    ),
}

DOCTOR_LITERAL: tuple[str, ...] = ()
