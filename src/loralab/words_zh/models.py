"""Chinese sentences about models, hubs and adapters (`model/`)."""

from __future__ import annotations

MODELS: dict[str, str] = {
    "this architecture cannot recompute activations: {reason}": "该模型结构不支持重算激活：{reason}",
    "set train.recompute=off": "设置 train.recompute=off",
    # the fast engine
    "the fast engine does not know the architecture {name}": "快速引擎不支持模型结构 {name}",
    "the fast engine does not compute {setting}": "快速引擎不支持 {setting}",
    "the fast engine does not train {name}": "快速引擎不训练 {name}",
    "the model looks back {window} tokens, rows may have {tokens}":
        "模型的注意力窗口为 {window} 个 token，而数据行最长可达 {tokens} 个 token",
    # adapter
    "lora.targets match no layer of this model: {names}": "lora.targets 与该模型的任何层都不匹配：{names}",
    "its linear layers are: {names}": "该模型的线性层：{names}",
    "set lora.targets=[{names}]": "设置 lora.targets=[{names}]",
    "lora.targets has {name}, which is tied to the input embeddings in this model":
        "lora.targets 含有 {name}，它在该模型中与输入嵌入共享权重",
    "remove it from lora.targets": "请从 lora.targets 中删去",
    "the adapter cannot be read: {reason}": "无法读取适配器：{reason}",
    "the adapter asks for Megatron's layers, from a Python module that it names itself":
        "适配器要求使用 Megatron 的层，并自行指定要导入的 Python 模块",
    "the adapter has {key} {found}, the config says {value}": "适配器的 {key} 为 {found}，配置中为 {value}",
    "the adapter has {key} {value}, loralab trains without it": "适配器的 {key} 为 {value}，loralab 的训练不支持该设置",
    # download
    "not asked, the name is not of the form owner/name": "未查询，名称不是 owner/name 的形式",
    "not asked, {revision} is no branch, tag or commit": "未查询，{revision} 不是分支、标签或提交",
    "no answer in {seconds} s": "{seconds} 秒内没有响应",
    "lists a file that is not safe to write: {path}": "列出了不能安全写入的文件：{path}",
    "the repository holds no config.json: it is not a transformers model":
        "仓库中没有 config.json：不是 transformers 模型",
    "the repository holds no safetensors weights; loralab does not load pickle files":
        "仓库中没有 safetensors 权重；loralab 不加载 pickle 文件",
    "not enough disk space: {missing} to download, {free} free":
        "磁盘空间不足：需下载 {missing}，剩余 {free}",
    "loralab fetch {name} --to FOLDER, with a folder on a larger disk":
        "loralab fetch {name} --to 文件夹（选在空间更大的磁盘上）",
    "the download failed: {reason}": "下载失败：{reason}",
    "run the same command again": "请再次运行同一命令",
    "free some space, then run the same command again": "腾出空间后再次运行同一命令",
    "loralab fetch {name} --to FOLDER": "loralab fetch {name} --to 文件夹",
    "cannot be written: {reason}": "无法写入：{reason}",
    # folder
    "is a file, a model folder is expected": "是文件，此处需要模型文件夹",
    "folder does not exist": "文件夹不存在",
    "is an adapter, not a model": "是适配器，不是模型",
    "loralab fetch OWNER/NAME --to FOLDER": "loralab fetch OWNER/NAME --to 文件夹",
    "has no {name}: it is not a model folder": "没有 {name}：不是模型文件夹",
    "tokenizer file is missing": "缺少分词器文件",
    "has no tokenizer: neither tokenizer.json, nor vocab.json and merges.txt, nor tokenizer.model":
        "没有分词器：既没有 tokenizer.json，也没有 vocab.json 与 merges.txt，也没有 tokenizer.model",
    "copy the tokenizer files of the model into the folder": "请把该模型的分词器文件复制到文件夹中",
    "the model is quantised ({method})": "该模型是量化模型（{method}）",
    "quantised base models are not part of this version": "此版本不支持量化的基座模型",
    "use the unquantised model": "请使用未量化的模型",
    # hubs
    "{hub} ({endpoint}): {reason}": "{hub}（{endpoint}）：{reason}",
    "loralab fetch {name} --source {other}; or, where there is a connection, loralab fetch {name} --to FOLDER, and copy the folder here":
        "loralab fetch {name} --source {other}；或在能联网的机器上运行 loralab fetch {name} --to 文件夹，再把文件夹复制过来",
    "cannot be reached: {reason}": "无法连接：{reason}",
    "the download is damaged and has been deleted: {reason}": "下载的文件已损坏并已删除：{reason}",
    "run the same command again; if it repeats, try another hub or mirror":
        "请再次运行同一命令；若仍出现，请换用其他模型库或镜像",
    "{found} bytes instead of {expected}": "{found} 字节，应为 {expected}",
    "checksum {found} instead of {expected}": "校验和为 {found}，应为 {expected}",
    "unset {variable}, then {command}": "取消环境变量 {variable}，然后：{command}",
    "not asked, {variable} is set": "未查询，已设置 {variable}",
    "hf auth login, then {command}": "先运行 hf auth login，然后：{command}",
    "needs its licence to be accepted on the repository's page, and a login":
        "需要在仓库页面接受许可协议并登录",
    "not asked, it has no repository of such a name": "未查询，不可能有这种名称的仓库",
    "has no such revision of this repository": "该仓库没有这个版本",
    "has no repository of this name, or it is private": "没有这个名称的仓库，或该仓库不公开",
    "answered with status {status}": "返回状态码 {status}",
    "the download is incomplete: {reason}": "下载不完整：{reason}",
    "size or checksum is not that of the listing": "大小或校验和与清单不符",
    "broke off at {path}: {reason}": "在 {path} 处中断：{reason}",
    "run the same command again, it goes on from there": "再次运行同一命令即可从断点继续",
    "ms-hub login, then {command}": "先运行 ms-hub login，然后：{command}",
    "the fast transfer in pieces (Xet) failed: {reason}": "分块快速传输（Xet）失败：{reason}",
    "set HF_HUB_DISABLE_XET=1, then {command}: plain HTTP goes on where it breaks":
        "设置 HF_HUB_DISABLE_XET=1，然后：{command}（普通 HTTP 下载可从断点继续）",
    "the connection broke again and again": "连接一再中断",
    "if the other hub has the data, name it as {other}://owner/name/file; or, where there is a connection, download the file, copy it here, and give its path":
        "若另一个数据平台也有该数据，请写作 {other}://owner/name/file；或在能联网的机器上下载文件，复制过来后填写其路径",
    "set {variable} to a folder on a larger disk": "把环境变量 {variable} 设为空间更大的磁盘上的文件夹",
    "set {variable} to a folder that can be written": "把环境变量 {variable} 设为可以写入的文件夹",
    # data on a hub
    "data come from files on disk, hf:// or modelscope://": "数据只能来自本地文件、hf:// 或 modelscope://",
    "write it as in {example}": "写法示例：{example}",
    "{scheme}: is followed by exactly two slashes": "{scheme}: 后面必须恰好是两个斜杠",
    "names no repository of the form owner/name": "没有写出 owner/name 形式的仓库",
    "no branch, tag or commit stands after @": "@ 后面不是分支、标签或提交",
    "names no file of the repository": "没有写出仓库中的文件",
    "for example {path}": "例如 {path}",
    "names no file inside of the repository": "所写的不是仓库内的文件",
    "write {path}": "请写作 {path}",
    "write the path alone: {path}": "只写路径即可：{path}",
    "download the file and give its path, or name it on a hub: {first} or {second}":
        "请下载文件并填写其路径，或写出平台上的地址：{first} 或 {second}",
    "{path}: {hub} {reason}; the copy of an earlier download is used: {url}":
        "{path}：{hub} {reason}；使用之前下载的副本：{url}",
    "{reason}; without it nobody knows what a pattern stands for": "{reason}；不查询就无法知道通配符对应哪些文件",
    "{name} is the repository of a model, not of data": "{name} 是模型仓库，不是数据仓库",
    "name a repository of data, or copy the file here and give its path": "请写出数据仓库，或把文件复制过来并填写其路径",
    "no file of the repository matches": "仓库中没有匹配的文件",
    "the repository has no such file": "仓库中没有这个文件",
    "it is a folder; name its files: {path}": "这是文件夹；请写出其中的文件：{path}",
    "did you mean {names}?": "是否指 {names}？",
    "its files ({n}): {names}": "仓库中的文件（{n} 个）：{names}",
    "has no such repository or revision, or it is private": "没有这个仓库或版本，或该仓库不公开",
    "needs a login": "需要登录",
    # load
    "the data use token {token}, but the embedding matrix (vocab_size) has {rows} rows":
        "数据中用到 token {token}，但嵌入矩阵（vocab_size）只有 {rows} 行",
    "the tokenizer and the weights do not belong together": "分词器与权重不匹配",
    "the weight files lack {n} tensors of this model, first {name}": "权重文件缺少该模型的 {n} 个张量，首个为 {name}",
    "config.json and the weights do not belong together": "config.json 与权重不匹配",
    "{name} is {found} in the weight files, config.json asks for {expected} (tensors that do not fit: {n})":
        "权重文件中 {name} 的形状为 {found}，config.json 要求 {expected}（不符的张量数：{n}）",
    "download the model again": "请重新下载模型",
    "download the model again, or resize its embeddings": "请重新下载模型，或调整嵌入矩阵的大小",
    "config.json cannot be used: {reason}": "config.json 无法使用：{reason}",
    "the model's weights do not fit into memory": "内存或显存放不下模型权重",
    "choose a smaller model": "请换用更小的模型",
    "the model's weights cannot be loaded: {reason}": "无法加载模型权重：{reason}",
    # locate
    "on {hub} ({endpoint}): {reason}": "{hub}（{endpoint}）：{reason}",
    "is {name!r}, must be one of: {hubs}": "的值是 {name!r}，必须是以下之一：{hubs}",
    "{reason}; the copy in {folder} is not complete: {lacks}": "{reason}；{folder} 中的副本不完整：{lacks}",
    "folder {folder}: is a file": "文件夹 {folder}：是文件",
    "folder {folder}: {missing} does not exist": "文件夹 {folder}：{missing} 不存在",
    "folder {folder}: does not exist": "文件夹 {folder}：不存在",
    "model not found": "找不到模型",
    "looked for: {places}": "已查找：{places}",
    "{first}; then {rest}": "{first}；然后 {rest}",
    "did you mean model.name={folder}?": "是否指 model.name={folder}？",
    "set model.name to a folder that holds config.json and *.safetensors, or to owner/name on a hub":
        "把 model.name 设为含有 config.json 和 *.safetensors 的文件夹，或模型库中的 owner/name",
    "set model.name to a folder, or to owner/name such as Qwen/Qwen2.5-0.5B-Instruct":
        "把 model.name 设为文件夹，或 owner/name，如 Qwen/Qwen2.5-0.5B-Instruct",
    # code that comes with a model
    "is missing, the model's config names it": "缺失，但模型配置引用了它",
    "the tokenizer is defined by Python code in the model folder": "分词器由模型文件夹中的 Python 代码定义",
    "the architecture {type} is defined by Python code in the model folder":
        "架构 {type} 由模型文件夹中的 Python 代码定义",
    "has no model_type: it is not the config of a transformers model":
        "没有 model_type：不是 transformers 模型的配置",
    "the installed transformers does not know the architecture {type}":
        "已安装的 transformers 不支持架构 {type}",
    "loralab runs code that comes with a model only when the config says so":
        "只有配置明确允许时，loralab 才运行模型自带的代码",
    "read the *.py files, then set model.trust_remote_code=true; or choose a model without such files":
        "先阅读这些 *.py 文件，再设置 model.trust_remote_code=true；或换用不带此类文件的模型",
    # files
    "must hold a JSON object": "必须是 JSON 对象",
    "is a link to a file that does not exist": "是链接，但所指文件不存在",
    "is a link that leads out of the model folder": "是指向模型文件夹之外的链接",
    "is not a file": "不是文件",
    "holds a number of more than {n} digits": "含有超过 {n} 位的数字",
    "is a git-lfs pointer, the file itself has not been fetched": "是 git-lfs 指针，文件本身尚未下载",
    "is cut off: the JSON does not end": "已被截断：JSON 没有结束",
    "is not valid JSON: {reason}": "不是有效的 JSON：{reason}",
    "the tokenizer cannot be loaded: {reason}": "无法加载分词器：{reason}",
    "the tokenizer has no fast version (tokenizer.json)": "分词器没有快速版本（tokenizer.json）",
    "the added token {token} cannot get its number {id}": "附加的 token {token} 无法取得编号 {id}",
    # weights
    "has no weight_map that names the weight files": "没有列出权重文件的 weight_map",
    "names a weight file outside of the model folder: {name}": "引用了模型文件夹之外的权重文件：{name}",
    "names a weight file that is not safetensors: {name}": "引用了不是 safetensors 的权重文件：{name}",
    "names a tokenizer file outside of the model folder: {name}": "引用了模型文件夹之外的分词器文件：{name}",
    "names other weights than {used} (transformers_weights: {named})":
        "指定了 {used} 以外的权重（transformers_weights: {named}）",
    "{key} is above {most}: the weights cannot hold so many": "{key} 超过 {most}：权重装不下这么多",
    "remove transformers_weights from it": "请从中删除 transformers_weights",
    "is an adapter beside a model: transformers would put it on the model without a word":
        "模型旁边有适配器：transformers 会不声不响地把它加到模型上",
    "move the adapter's files into a folder of their own, and name that as lora.init or --adapter":
        "请把适配器的文件移到单独的文件夹，再用 lora.init 或 --adapter 指定",
    "get the model again, from a source you trust": "请从可信的来源重新获取模型",
    "{index} names it": "{index} 引用了它",
    "weight file is missing": "缺少权重文件",
    "copy the file into the folder, or name the folder that it lies in":
        "把文件复制到该文件夹，或改用文件所在的文件夹",
    "is a git-lfs pointer, the weights themselves have not been fetched":
        "是 git-lfs 指针，权重本身尚未下载",
    "is not a safetensors file": "不是 safetensors 文件",
    "is not a safetensors file: {reason}": "不是 safetensors 文件：{reason}",
    "is cut off: {size} bytes, its header alone has {expected}":
        "已被截断：共 {size} 字节，仅文件头就有 {expected} 字节",
    "is not a safetensors file: its header is broken": "不是 safetensors 文件：文件头已损坏",
    "is cut off or damaged: {size} bytes instead of {expected}": "被截断或已损坏：{size} 字节，应为 {expected}",
    "{index} is missing, which says what {first} and the others hold":
        "缺少 {index}，它说明 {first} 等文件的内容",
    "has only pickle weights ({name}), no safetensors": "只有 pickle 权重（{name}），没有 safetensors",
    "loading a pickle runs code that is in the file": "加载 pickle 会运行文件中的代码",
    "if you trust its source: python -c \"import sys; from transformers import AutoModelForCausalLM as M; M.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])\" {folder} {target}, then copy the tokenizer files":
        "如果信任其来源：python -c \"import sys; from transformers import AutoModelForCausalLM as M; M.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])\" {folder} {target}，然后复制分词器文件",
    "has no weights: neither {single} nor {index}": "没有权重：既没有 {single}，也没有 {index}",
    "copy the missing files, or get the model again: loralab fetch OWNER/NAME --to FOLDER":
        "补齐缺少的文件，或重新获取模型：loralab fetch OWNER/NAME --to 文件夹",
}  # fmt: skip

MODELS_LITERAL = (
    "loralab fetch {name}",
    "model.name={base} lora.init={folder}",
    "model.name={folder}",
    "git -C {folder} lfs pull",
    "pip install -U transformers",
)
