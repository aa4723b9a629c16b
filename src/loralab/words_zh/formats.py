"""Sentences about the shapes of rows."""

from __future__ import annotations

FORMATS_WORDS: dict[str, str] = {
    "{name} is empty": "{name} 为空",
    "the row must be an object with named fields": "每行必须是带字段名的对象",
    "the row fits several shapes: {names}; set data.format or data.fields":
        "该行符合多种格式：{names}；请设置 data.format 或 data.fields",
    "has no field {key!r}; is {near!r} misspelt?": "没有字段 {key!r}；{near!r} 是否拼写有误？",
    "has no field {key!r}; its fields are: {keys}": "没有字段 {key!r}；已有字段：{keys}",
    "the rows stand under {key!r}; they must stand at the top level": "数据行位于 {key!r} 之下；应放在最外层",
    "{name} must be a list of turns": "{name} 必须是对话轮次的列表",
    "{name} must hold pairs of question and answer": "{name} 必须由问题与回答的二元组组成",
    "{name} must hold objects with role and content": "{name} 必须由带角色和内容的对象组成",
    "tool calls are not trained on": "不支持训练工具调用",
    "turn {number} is {role}, {wanted} was expected": "第 {number} 轮是 {role}，应为 {wanted}",
    "the conversation has no answer at its end": "对话末尾没有回答",
    "{name} must be text, found {kind}": "{name} 必须是文本，实际是 {kind}",
    "{name} holds half of a surrogate pair": "{name} 含有不成对的代理字符",
    "the row holds answers to choose from (preference training)": "该行是供选择的多个回答（偏好训练）",
    "the row holds an answer with a verdict (KTO training)": "该行是带评判的回答（KTO 训练）",
    "the row holds a text alone (pre-training)": "该行只有一段文本（预训练）",
    "{what}; loralab trains on questions with answers": "{what}；loralab 用问题和回答训练",
    "{place} begins with {speaker!r}, not with {known}": "{place} 以 {speaker!r} 开头，而不是 {known}",
    "the first turn of history is not the query": "history 的第一轮不是 query",
    "an object": "对象",
    "a list": "列表",
    "a boolean": "布尔值",
    "a number that is not finite": "非有限的数字",
    "{place}: the role {role!r} is unknown; did you mean {near!r}?": "{place}：未知的角色 {role!r}；是否指 {near!r}？",
    "{place}: the role {role!r} is none of system, user, assistant":
        "{place}：角色 {role!r} 不是 system、user、assistant 之一",
    "{place}: {key} must be one of {wanted}": "{place}：{key} 必须是 {wanted} 之一",
    "{place}: only assistant turns are trained on, so {key} cannot stand here":
        "{place}：只有助手的轮次参与训练，此处不能有 {key}",
    "{place}: {keys} contradict each other": "{place}：{keys} 互相矛盾",
    "{place} has no {key!r}": "{place} 没有 {key!r}",
    "{name} may hold text parts only, found {kind}": "{name} 只能含文本部分，实际有 {kind}",
    "{name}: a part has no type": "{name}：有一个部分没有 type",
    "{name}: a part has no text": "{name}：有一个部分没有文本",
    "the conversation has no question": "对话中没有问题",
    "no answer of the conversation is marked to be trained on": "对话中没有一个回答标记为参与训练",
}  # fmt: skip

FORMATS_LITERAL: tuple[str, ...] = ()
