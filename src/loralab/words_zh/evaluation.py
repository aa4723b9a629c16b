"""Chinese sentences about asking a model a benchmark's questions (`evaluate/`, `model/attach.py`, `cli/eval.py`)."""

from __future__ import annotations

EVALUATION: dict[str, str] = {
    # who is asked
    "is no run: --stage chooses between the stages of one": "不是运行：--stage 用于选择运行的阶段",
    "leave out --stage": "请去掉 --stage",
    "is a run, which has its own adapter: --adapter goes with a model":
        "是运行，自带适配器：--adapter 只能与模型同用",
    "name the model instead of the run": "请指定模型，而不是运行",
    "the run has no chosen adapter yet: it is {status}": "该运行尚无选定的适配器：其状态为 {status}",
    "loralab resume {path}, or --stage before for its base alone":
        "loralab resume {path}，或用 --stage before 只评测其基座模型",
    "name its base: loralab eval BASE --adapter {folder}": "请指明其基座模型：loralab eval 基座模型 --adapter {folder}",
    "is not the model that {run} was trained on: {names} differ":
        "不是 {run} 训练时所用的模型：{names} 不同",
    "put the old files back": "请放回原来的文件",
    # adapters
    "has no {name}: it is not an adapter folder": "没有 {name}：不是适配器文件夹",
    "the adapter is of the kind {kind}, only LoRA is read": "该适配器类型为 {kind}，只支持 LoRA",
    "the adapter changes modules that this model does not have ({n} of {all}): {names}":
        "适配器所改动的模块在该模型中不存在（{all} 个中有 {n} 个）：{names}",
    "the adapter has {key} {value}, which the installed PEFT does not know":
        "适配器的 {key} 为 {value}，当前安装的 PEFT 不认识",
    "{name} is {found} in the adapter, this model asks for {expected} (tensors that do not fit: {n})":
        "{name} 在适配器中为 {found}，该模型要求 {expected}（形状不符的张量：{n} 个）",
    "the adapter lacks {n} tensors that its settings ask for, first {name}":
        "适配器缺少其配置要求的 {n} 个张量，第一个是 {name}",
    "the adapter holds {n} tensors that its settings have no place for, first {name}":
        "适配器含有其配置未涉及的 {n} 个张量，第一个是 {name}",
    "the adapter was made for {base}": "该适配器是为 {base} 训练的",
    "put the adapter on the model that it was made for": "请把适配器用于训练它的模型",
    "the adapter cannot be used: {reason}": "适配器无法使用：{reason}",
    # questions
    "the task's questions are not named": "未指明该任务的题目文件",
    "is a folder, a task's questions are one file": "是文件夹，而一个任务的题目只能是一个文件",
    "names {n} files, a task's questions are one": "对应 {n} 个文件，而一个任务的题目只能是一个文件",
    "the id {id!r} is that of question {first} too": "id {id!r} 与第 {first} 题重复",
    "the questions use token {token}, but the embedding matrix (vocab_size) has {rows} rows":
        "题目用到 token {token}，但嵌入矩阵（vocab_size）只有 {rows} 行",
    "{n} questions with their answers may be longer than the {limit} tokens the model was made for":
        "有 {n} 道题连同回答可能超过该模型设计的 {limit} 个 token",
    # the output folder
    "holds {names} but no eval.json that says what was asked": "含有 {names}，但没有说明评测内容的 eval.json",
    "choose another folder with --out": "请用 --out 另选文件夹",
    "was not written by this version of loralab eval": "不是由此版本的 loralab eval 写入的",
    "{name} was {old}, is now {new}": "{name} 原为 {old}，现为 {new}",
    "{name} is another one: {parts} differ": "{name} 已更换：{parts} 不同",
    "choose another folder with --out, or repeat the old settings": "请用 --out 另选文件夹，或沿用原来的设置",
    "{path} is finished: nothing to do": "{path} 已完成：无需再做",
    "{n} bytes of a torn last answer were cut off": "已截去最后一条不完整回答的 {n} 字节",
    "{n} lines of partial.jsonl cannot be read: what they answered is asked again":
        "partial.jsonl 有 {n} 行无法读取：对应的题目将重新作答",
    "{there} of {total} answers are there already, {missing} are missing":
        "已有 {total} 个回答中的 {there} 个，还缺 {missing} 个",
    # while it runs
    "{there} of {total} answers, {left} left": "已回答 {there}/{total}，剩余时间 {left}",
    "the answers so far are saved; batches are part of what is compared":
        "已有的回答均已保存；批的划分属于可比性的一部分",
    "set --batch-rows or --max-new-tokens lower, with another --out":
        "请调低 --batch-rows 或 --max-new-tokens，并用 --out 另选文件夹",
    "stopped; the answers so far are saved, the same command goes on":
        "已停止；已有的回答均已保存，重复同一命令即可继续",
    "leave out --limit to ask the other {n} questions too, with another --out":
        "去掉 --limit 并另选 --out，即可回答其余 {n} 道题",
}  # fmt: skip

# Commands that read the same in both languages.
EVALUATION_LITERAL = (
    "loralab score --task {task} --predictions {predictions}",
    "loralab score --task {task} --predictions {predictions} --questions {questions}",
    "pip install --upgrade peft",
)
