"""Chinese sentences of what others read of a run: model card, Markdown summary, PDF (`report/`)."""

from __future__ import annotations

CARDS: dict[str, str] = {
    # loralab report
    "--pdf and --markdown do not go together": "--pdf 与 --markdown 不能同时使用",
    "paste it into an issue": "可粘贴到 issue 中",
    "model card: {path}": "模型卡：{path}",
    "{path} was changed by hand and stays as it is; delete it to have it written again":
        "{path} 已被手工修改，保持原样；删除后可重新生成",
    # pdf
    "names no program that can be started: {program}": "指定的程序无法启动：{program}",
    "set CHROMIUM to the path of Chromium or Chrome": "把 CHROMIUM 设为 Chromium 或 Chrome 的路径",
    "cannot be started: {reason}": "无法启动：{reason}",
    "needs Chromium or Chrome, and none is installed: {names}": "需要 Chromium 或 Chrome，但都没有安装：{names}",
    "install chromium, or set CHROMIUM to its path; any browser can print report.html to a file too":
        "安装 chromium，或把 CHROMIUM 设为其路径；也可用任何浏览器打开 report.html 并打印为文件",
    "printed no PDF within {seconds:g} seconds, and was ended": "{seconds:g} 秒内没有生成 PDF，已被结束",
    "try again while the machine is less busy, or print {page} in a browser": "请在机器空闲时重试，或在浏览器中打印 {page}",
    "printed no PDF (exit code {code})": "没有生成 PDF（退出码 {code}）",
    "its last words: {words}": "最后的输出：{words}",
    "set CHROMIUM to another browser, or print {page} in one": "把 CHROMIUM 设为另一个浏览器，或在浏览器中打印 {page}",
    # summary and card
    "status": "状态",
    "count": "数量",
    "A LoRA adapter in PEFT format for a model on Hugging Face": "PEFT 格式的 LoRA 适配器，基座模型位于 Hugging Face",
    "A LoRA adapter in PEFT format for a model on ModelScope": "PEFT 格式的 LoRA 适配器，基座模型位于 ModelScope",
    "A LoRA adapter in PEFT format for a model in a local folder": "PEFT 格式的 LoRA 适配器，基座模型位于本地文件夹",
    "This page was made by loralab from the record of the run, which has all answers.":
        "本页由 loralab 根据运行记录生成；记录中有全部回答。",
    "The run did not finish": "运行没有完成",
    "Training data": "训练数据",
    "Hyper-parameters": "超参数",
    "How to load it": "如何加载",
    "Fingerprint": "指纹",
    "Limits": "局限",
    "The adapter was not scored as it was chosen; the last column is the stage {stage}.":
        "没有对选中的适配器评分；最后一列是“{stage}”阶段。",
    "what": "项目",
    "value": "值",
    "step of the adapter": "适配器所在的步",
    "engine": "引擎",
    "versions": "版本",
    "seeds": "随机种子",
    "evaluation fingerprint": "评测指纹",
    "chat template": "对话模板",
    "The scores are of held-out rows of the same data, answered greedily. They do not tell how the adapter answers"
    " other questions, and nobody has checked its answers for truth.":
        "分数来自同一数据的留出行，采用贪心解码。它们不能说明适配器如何回答其他问题，也没有人核实过回答是否属实。",
    "No licence is named here: that of the base model and that of the data both hold.":
        "此处不写许可证：基座模型的许可证和数据的许可证都适用。",
    "The base model was held in 4 bits (nf4) while training and answering.": "训练和回答时基座模型以 4 位（nf4）存放。",
    "adapter_config.json names the base by the folder it lay in; put its name on a hub there"
    " (base_model_name_or_path) before you share the adapter.":
        "adapter_config.json 以基座模型所在的文件夹称呼它；分享适配器之前，请在其中（base_model_name_or_path）改为模型库中的名称。",
    "The run gave warnings, which its report tells in full: {codes}.": "运行中有警告，全文见报告：{codes}。",
    # lines of code in the card
    "this folder, or its name on a hub": "本文件夹，或它在模型库中的名称",
    "your question": "你的问题",
    "on Hugging Face": "位于 Hugging Face",
    "on ModelScope: download it and name its folder here": "位于 ModelScope：下载后在此填写其文件夹",
    "a folder of the machine that trained: name yours, or the model on a hub":
        "训练机器上的文件夹：请填写你的文件夹，或模型库中的名称",
}  # fmt: skip
