"""The config schema in, docs/configuration.md and docs/configuration.zh-CN.md out.

python scripts/make_docs.py
"""

from __future__ import annotations

from pathlib import Path

from loralab.config.render import reference

DOCS = Path(__file__).parents[1] / "docs"

HEADS = {
    "en": """# Configuration

English | [中文](configuration.zh-CN.md)

A run has one YAML file; `loralab init` writes a commented one to start from. Every key can also be set on
the command line as `section.key=value`, such as `loralab train law.yaml train.epochs=3`.

- A key that is missing has its default. An unknown key, a key set twice, a wrong type or a value out of range
  is an error that names file and line; all mistakes are reported at once.
- `data.train`, `data.test`, `data.probes`, `data.split`, `lora.init` and a `model.name` that is written as a path are
  relative to the config file, or to the working folder where they are given on the command line. `~` and `$NAME`
  are expanded. Addresses such as `hf://owner/name/file` stay as they are written; see [Data](data.md).
- Keys that look like secrets are refused: a config is copied into every run folder.

This page is made by `python scripts/make_docs.py`; edit `src/loralab/config/schema.py` instead.

""",
    "zh": """# 配置

[English](configuration.md) | 中文

每次运行对应一个 YAML 文件；`loralab init` 会生成一份带注释的初始文件。每个键也可以在命令行上以
`section.key=value` 的形式设置，例如 `loralab train law.yaml train.epochs=3`。

- 未写的键取默认值。未知的键、重复的键、类型错误或超出范围的值都会报错，并给出文件和行号；所有错误一次列出。
- `data.train`、`data.test`、`data.probes`、`data.split`、`lora.init` 以及写成路径的 `model.name` 相对于配置文件所在目录；在命令行上给出时相对于当前目录。
  `~` 和 `$NAME` 会展开。`hf://owner/name/file` 这样的地址保持原样，见[数据](data.zh-CN.md)。
- 看起来像密钥的键会被拒绝：配置会复制到每个运行文件夹。

本页由 `python scripts/make_docs.py` 生成；请修改 `src/loralab/config/schema.py`。

""",
}
NAMES = {"en": "configuration.md", "zh": "configuration.zh-CN.md"}


def pages() -> dict[Path, str]:
    """The text of each page by its path."""
    return {DOCS / NAMES[language]: head + reference(language) for language, head in HEADS.items()}


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
