"""Chinese sentences about configs and data (`config/`, `data/`, `encode/`)."""

from __future__ import annotations

SETTINGS: dict[str, str] = {
    # limits of a field; each follows the key
    "is required": "必须设置",
    "must be at least 1": "必须至少为 1",
    "must be above 0": "必须大于 0",
    "must be from 0 to below 1": "必须大于等于 0 且小于 1",
    "must name at least one task": "至少要写一个任务",
    "must name at least one layer": "必须至少包含一个层",
    "must not be negative": "不能为负数",
    "must be all or at least 1": "必须为 all 或至少为 1",
    # values
    "must be a plain value, without a YAML tag": "必须是普通的值，不能带 YAML 标签",
    "must be a single value": "必须是单个值",
    "has no value": "没有值",
    "is {text!r}, must be one of: {choices}": "的值是 {text!r}，必须是以下之一：{choices}",
    "is {text!r}, must be true or false": "的值是 {text!r}，必须是 true 或 false",
    "is {text!r}, must be a whole number": "的值是 {text!r}，必须是整数",
    "is {text!r}, must be a number": "的值是 {text!r}，必须是数字",
    "uses ${name}, which is not defined in the environment": "用到了 ${name}，但环境变量中没有定义",
    "holds an address with a user or password; a config is copied into every run folder":
        "含有带用户名或密码的地址；配置会被复制到每个运行文件夹",
    "uses ${name}, which looks like a secret; paths are recorded": "用到了 ${name}，看起来是密钥；路径会被记录下来",
    "is {text!r}, must be a range start:stop such as 0:5000":
        "的值是 {text!r}，必须是 start:stop 形式的范围，如 0:5000",
    "must be a mapping such as {example}": "必须是映射，如 {example}",
    "must name question and answer, or messages, or system alone":
        "必须指定 question 和 answer，或 messages，或仅 system",
    "names {part} twice": "两次指定了 {part}",
    "is too large a number": "的数值过大",
    "must name a path, as in {example}": "必须指定 path，如 {example}",
    "names weight and rows for one path; one of them would have no effect":
        "对同一路径同时指定了 weight 和 rows，其中一个不会起作用",
    "has a weight that is not above 0 and at most {most}": "的 weight 必须大于 0 且不超过 {most}",
    "has a number of rows that is not at least 1": "的 rows 必须至少为 1",
    # files, keys
    "is a folder, a config file is expected": "是文件夹，此处需要配置文件",
    "cannot be read: {reason}": "无法读取：{reason}",
    "is not UTF-8 text": "不是 UTF-8 文本",
    "is not valid YAML: {reason}": "不是有效的 YAML：{reason}",
    "holds a character that YAML forbids": "含有 YAML 不允许的字符",
    "is nested too deeply": "嵌套过深",
    "must hold sections such as model: and data:": "必须由 model:、data: 等小节组成",
    "{key} must hold keys, one a line": "{key} 下应为键，每行一个",
    "line {line} has a full-width colon (\uff1a) after a key: write : and a space":
        "第 {line} 行的键后是全角冒号（\uff1a）：请改为半角冒号加空格",
    "a key must be a word": "键必须是一个单词",
    "{key} is set twice, first in line {line}": "{key} 设置了两次，第一次在第 {line} 行",
    "{key} looks like a secret; secrets do not belong in a config": "{key} 像是密钥；密钥不应写在配置中",
    "a config is copied into every run folder": "配置会复制到每个运行文件夹",
    "set the tracker's own environment variable, such as SWANLAB_API_KEY, or use its login":
        "请设置跟踪工具自己的环境变量（如 SWANLAB_API_KEY），或使用其登录命令",
    "{key} {problem}": "{key} {problem}",
    "unknown key {key}; did you mean {near}?": "未知的键 {key}；是否指 {near}？",
    "unknown key {key}; it belongs under {section}": "未知的键 {key}；它属于 {section}",
    "unknown key {key}; known: {known}": "未知的键 {key}；可用：{known}",
    "an override is written section.key=value, such as train.epochs=3":
        "覆盖设置的写法是 section.key=value，如 train.epochs=3",
    "{key} is required": "必须设置 {key}",
    "train.epochs and train.max_steps are both set; one of them would have no effect":
        "train.epochs 与 train.max_steps 同时设置，其中一个不会起作用",
    "remove one, or set it to null": "删去其中一个，或设为 null",
    "data.fields and data.format are both set; data.format would have no effect":
        "data.fields 与 data.format 同时设置，data.format 不会起作用",
    "data.split and data.{key} are both set; data.{key} would have no effect":
        "data.split 与 data.{key} 同时设置，data.{key} 不会起作用",
    "evaluate.best_by is {metric}, which is measured at the end of epochs, and evaluate.stages has no epoch":
        "evaluate.best_by 为 {metric}，它在每轮结束时测量，而 evaluate.stages 中没有 epoch",
    "evaluate.best_by is general, and evaluate.general is false: the prompts are not asked":
        "evaluate.best_by 为 general，而 evaluate.general 为 false：不会询问一般提示",
    "evaluate.heldout_every_steps is set, and data.test leaves no rows to measure":
        "设置了 evaluate.heldout_every_steps，但 data.test 没有留下可测的行",
    "train.stop_after_worse_evaluations and evaluate.best_by: last are both set; nothing would be compared":
        "train.stop_after_worse_evaluations 与 evaluate.best_by: last 同时设置；没有可比较的内容",
    "train.stop_after_worse_evaluations is set, and held-out loss is measured neither at the end of epochs"
    " (evaluate.stages) nor on the way (evaluate.heldout_every_steps)":
        "设置了 train.stop_after_worse_evaluations，但留出集损失既不在每轮结束时（evaluate.stages）也不在途中"
        "（evaluate.heldout_every_steps）测量",
    "train.stop_after_worse_evaluations is set, and data.test leaves no rows to measure":
        "设置了 train.stop_after_worse_evaluations，但 data.test 没有留下可测的行",
    "train.epochs is empty and train.max_steps is not set": "train.epochs 为空，也没有设置 train.max_steps",
    # data files
    "no such data file": "数据文件不存在",
    "check {key}, or give the path with {key}=PATH": "请检查 {key}，或用 {key}=路径 指定",
    "the folder holds no data file": "文件夹中没有数据文件",
    "is a link to a file that is not there": "是一个链接，所指的文件不存在",
    "data.format is {name!r}, must be one of: {known}": "data.format 的值是 {name!r}，必须是以下之一：{known}",
    "data.encoding is {name!r}, which is no encoding": "data.encoding 的值是 {name!r}，没有这种编码",
    "{reason}: {detail}": "{reason}：{detail}",
    "{n} more bad rows": "另有 {n} 个坏行",
    "mend the rows, or set data.on_bad_row: drop to leave them out and count them":
        "修正这些行，或设置 data.on_bad_row: drop 以丢弃并计数",
    "raise data.max_tokens, or set data.on_long: cut or drop": "增大 data.max_tokens，或设置 data.on_long: cut 或 drop",
    "data.{key} is {part}, but the files hold {n} rows": "data.{key} 为 {part}，但文件共有 {n} 行",
    "choose a range within 0:{n}": "请选择 0:{n} 以内的范围",
    "the question is also a test or probe question": "该问题也是测试问题或固定问题",
    "remove these rows, or set data.on_overlap: drop to leave them out of training":
        "删去这些行，或设置 data.on_overlap: drop，使其不参与训练",
    # encoding
    "the text holds the special token {token}": "文本中含有特殊 token {token}",
    "remove it from data.system, or set data.special_tokens: text":
        "从 data.system 中删去它，或设置 data.special_tokens: text",
    "the chat template does not close this answer with its end token": "对话模板没有用结束符结束这个回答",
    "the chat template changes the text of the row": "对话模板改动了该行的文本",
    "{length} tokens, data.max_tokens is {limit}": "{length} 个 token，超过 data.max_tokens（{limit}）",
    "the question alone has {length} tokens, data.max_tokens is {limit}: nothing is left to train on":
        "仅问题就有 {length} 个 token，data.max_tokens 为 {limit}：没有可训练的部分",
    "the tokenizer has no pad token, which data.answer_end: pad needs":
        "分词器没有 pad token，而 data.answer_end: pad 需要它",
    "the model's tokenizer has no chat template": "该模型的分词器没有对话模板",
    "the chat template has not come to an end within {n} s": "对话模板在 {n} 秒内没有渲染完",
    "choose a model from a source you trust": "请选用来源可信的模型",
    "choose an instruct (chat) model, or add chat_template.jinja to the model folder":
        "请选用 instruct（chat）模型，或在模型文件夹中加入 chat_template.jinja",
    "the chat template writes no end token after an answer": "对话模板没有在回答后写结束符",
    "the chat template leaves out the system message": "对话模板没有写出系统提示词",
    "the chat template leaves out the answer": "对话模板没有写出回答",
    "the chat template refuses turns {roles}: {reason}": "对话模板不接受轮次 {roles}：{reason}",
}  # fmt: skip

SETTINGS_LITERAL = ("loralab init {path}",)
