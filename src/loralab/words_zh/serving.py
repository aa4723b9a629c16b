"""Chinese sentences about answers of a server (`engine/server*.py`, `evaluate/served.py`, `cli/eval.py`)."""

from __future__ import annotations

SERVING: dict[str, str] = {
    # the address
    "holds characters that an address cannot have": "含有地址中不能出现的字符",
    "is no address": "不是地址",
    "must start with http:// or https://": "必须以 http:// 或 https:// 开头",
    "holds a user name or password: a key belongs into {variable}": "含有用户名或密码：密钥应放在 {variable} 中",
    "names no host": "没有主机名",
    "must end before ? and #": "不能含有 ? 和 #",
    "name a server such as {example}": "请指定服务器，例如 {example}",
    "holds characters that a key cannot have": "含有密钥中不能出现的字符",
    # options
    "{options} would have no effect: the server decides that": "{options} 不起作用：由服务器决定",
    "{options} would have no effect without --server": "没有 --server，{options} 不起作用",
    "leave out {options}": "请去掉 {options}",
    # who answers
    "an adapter is asked by its name on the server, which is not given": "适配器按其在服务器上的名称提问，但未给出名称",
    "add --server-model NAME": "请加上 --server-model 名称",
    "the key in {variable} goes to {server} without encryption": "{variable} 中的密钥将不加密地发送到 {server}",
    "{name} is an adapter there, but a model without one is to be asked":
        "{name} 在服务器上是适配器，而要提问的是不带适配器的模型",
    "name the adapter's folder too: --adapter DIR": "请同时指定适配器的文件夹：--adapter DIR",
    "{name} is a whole model there: its weights must hold the adapter":
        "{name} 在服务器上是完整的模型：其权重须已合并该适配器",
    "does not list its models as an OpenAI-compatible server does": "没有像 OpenAI 兼容服务器那样列出其模型",
    "--server-model with one of: {names}": "--server-model 加以下之一：{names}",
    "serves {n} whole models: it is not clear which one to ask": "提供 {n} 个完整的模型：不清楚应向哪一个提问",
    "serves {n} models of the name {name!r}": "提供 {n} 个名为 {name!r} 的模型",
    "{n} questions with answers of {tokens} tokens are longer than the {limit} tokens that the server takes":
        "有 {n} 道题连同 {tokens} 个 token 的回答超过服务器所能接受的 {limit} 个 token",
    "serve with a longer context, or set --max-new-tokens lower": "请以更长的上下文启动服务，或调低 --max-new-tokens",
    # requests
    "no connection within {seconds} s": "{seconds} 秒内未能连接",
    "no whole answer within {seconds} s": "{seconds} 秒内没有完整的回答",
    "the server's certificate is not trusted: {reason}": "服务器的证书不受信任：{reason}",
    "HTTP {status}: {message}": "HTTP {status}：{message}",
    "the server sends elsewhere (HTTP {status}), which is not followed": "服务器要求转到别处（HTTP {status}），不予跟随",
    "the server refuses the request: HTTP {status}: {message}": "服务器拒绝了请求：HTTP {status}：{message}",
    "set {variable} to the server's key": "请把 {variable} 设为该服务器的密钥",
    "the answer is no whole JSON object ({n} bytes)": "回复不是完整的 JSON 对象（{n} 字节）",
    "the server failed ({reason}); the question is sent again in {seconds} s":
        "服务器出错（{reason}）；该题将在 {seconds} 秒后重新发送",
    "{n} requests to the server failed and were sent again": "发往服务器的请求有 {n} 次出错，均已重新发送",
    "the server gave no answer in {n} tries: {reason}": "服务器在 {n} 次尝试中均未给出回答：{reason}",
    "{what}; it asks for a pause of {seconds} s": "{what}；它要求等待 {seconds} 秒",
    "see to the server; the same command then asks only what is missing":
        "请检查服务器；之后重复同一命令只会问缺少的题目",
    # answers
    "asked for the model {asked!r}, the answer is of {found!r}": "请求的模型是 {asked!r}，回答却来自 {found!r}",
    "--server-model with the name that the server itself uses": "--server-model 加服务器自己使用的名称",
    "the server sends no token ids (return_token_ids), so that answers cannot be read exactly":
        "服务器没有返回 token id（return_token_ids），因此无法准确读取回答",
    "use a version of vLLM or SGLang that sends them": "请使用会返回 token id 的 vLLM 或 SGLang 版本",
    "the server read another prompt than the one that was sent": "服务器读到的提示与发送的不同",
    "the answer is no completion with one choice": "回复不是只有一个选项的补全",
    "the server ended an answer for the reason {reason!r}": "服务器结束回答的原因是 {reason!r}",
    "the server sent {n} tokens, {limit} were asked for": "服务器返回了 {n} 个 token，而请求的是 {limit} 个",
    "the server ended an answer after {n} of {limit} tokens: its context is too short for more":
        "服务器在 {limit} 个 token 中的第 {n} 个之后结束了回答：其上下文容不下更多",
    "the server ended an answer at the token {token}, which ends none here":
        "服务器在 token {token} 处结束了回答，而它在这里并不结束回答",
    "serve without stop tokens of its own (vLLM: --generation-config vllm)":
        "请让服务不使用自己的停止 token（vLLM：--generation-config vllm）",
}  # fmt: skip
