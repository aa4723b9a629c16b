"""The import order of the rooms, read from the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import loralab

PACKAGE = Path(loralab.__file__).parent
# A room may import itself and the rooms of a later line; rooms of one line do not know each other.
ORDER = (
    ("__main__",), ("cli",), ("__init__",), ("api",), ("demo",), ("study", "board"), ("report",), ("train",), ("evaluate",),
    ("engine",), ("model", "encode"), ("data",), ("hub",), ("track",), ("run",), ("config",), ("extras",), ("errors",),
    ("words", "words_zh"), ("safe_text",),
)  # fmt: skip
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
HEAVY = {"torch", "transformers", "peft", "swanlab", "jieba", "rouge_chinese", "safetensors", "tokenizers"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, absolute module) of every import, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides the room"
            if node.module == "loralab":
                yield from ((node.lineno, f"loralab.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, str(node.module)


def violations(room: str, tree: ast.AST) -> list[str]:
    found = []
    for line, module in imports(tree):
        if module.partition(".")[0] != "loralab":
            continue
        parts = module.split(".")
        other = parts[1] if len(parts) > 1 and parts[1] in RANK else "__init__"
        same_rank = RANK[other] == RANK[room] and other != room and {other, room} != {"words", "words_zh"}
        if RANK[other] < RANK[room] or same_rank:
            found.append(f"line {line}: {room} imports {module}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_room_imports_one_above_it(path: Path) -> None:
    room = room_of(path)
    assert room in RANK, f"{room} has no place in the order"
    assert violations(room, ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "from loralab.train.loop import Loop",
        "def f():\n    import loralab.cli.main",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from loralab.report import write_report",
        "from loralab import api",
        "import loralab",
    ],
)
def test_an_upward_import_is_seen_wherever_it_stands(source: str) -> None:
    assert violations("engine", ast.parse(source))


def at_module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run on import: also those in `if` and `try`, not those in functions."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_in_functions_only(path: Path) -> None:
    names = set()
    for node in at_module_level(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    assert names & HEAVY == set()


QUIET_FILES = [
    p for p in FILES if room_of(p) not in ("cli", "__main__") and p.parts[-2:] != ("track", "child.py")
]  # a process of its own


@pytest.mark.parametrize("path", QUIET_FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    found = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _prints_or_exits(node.func)
    ]
    assert found == []


def _prints_or_exits(function: ast.expr) -> bool:
    name = ast.unparse(function)
    return name in (
        "print",
        "exit",
        "quit",
        "input",
        "sys.exit",
        "os._exit",
        "click.echo",
    ) or name.startswith(("sys.stdout.", "sys.stderr."))
