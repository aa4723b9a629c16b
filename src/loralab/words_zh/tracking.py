"""Chinese sentences about trackers (`track/`, `loralab sync`)."""

from __future__ import annotations

TRACKING: dict[str, str] = {
    "mirror {sink} ({mode}), compared with events.jsonl: {points} of {all_points} points, {texts} of {all_texts} texts":
        "镜像 {sink}（{mode}）与 events.jsonl 对照：数据点 {points}/{all_points}，文本 {texts}/{all_texts}",
    "there is no key for SwanLab": "没有 SwanLab 密钥",
    "swanlab login, or set SWANLAB_API_KEY": "运行 swanlab login，或设置 SWANLAB_API_KEY",
    "sent {done} of {total} records": "已发送 {done}/{total} 条记录",
    "not brought up to date: {reason}": "未能同步：{reason}",
    "SwanLab's files were rebuilt from the events: {points} points, {texts} texts":
        "SwanLab 文件已根据事件重建：数据点 {points} 个，文本 {texts} 条",
    "SwanLab's files were whole: {points} points, {texts} texts": "SwanLab 文件完整：数据点 {points} 个，文本 {texts} 条",
    "sent to experiment {id}: {sent} points and lists of texts; {known} were there before":
        "已发送到实验 {id}：数据点与文本列表共 {sent} 项；此前已有 {known} 项",
    "nothing was sent: no key, or --mode offline; `swanlab login` or SWANLAB_API_KEY gives one":
        "没有发送：没有密钥，或使用了 --mode offline；`swanlab login` 或 SWANLAB_API_KEY 可提供密钥",
    # extras
    "{setting} needs the package {package}, which is not installed": "{setting} 需要软件包 {package}，但没有安装",
    "pip install 'loralab[{extra}]', or switch it off": "pip install 'loralab[{extra}]'，或关闭该镜像",
}  # fmt: skip
