"""The import order of the rooms, read from the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
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
PRINTERS = {"print", "exit", "quit", "input", "sys.exit", "os._exit", "click.echo"}


def room_of(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


ROOMS = sorted({room_of(path) for path in FILES})


@dataclass(frozen=True)
class Source:
    """What the tests here look at in a file, so that each is parsed once."""

    name: str
    upward: list[str]
    on_import: set[str]
    printing: list[str]


@cache
def sources(room: str) -> list[Source]:
    """Of every file of a room."""
    return [read(path) for path in FILES if room_of(path) == room]


def read(path: Path) -> Source:
    tree, name = ast.parse(path.read_text("utf-8")), str(path.relative_to(PACKAGE))
    try:
        upward = violations(room_of(path), tree)
    except AssertionError as error:
        upward = [str(error)]
    calls = ((node.lineno, dotted(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call))
    printing = [f"line {line}: {called}" for line, called in calls if prints_or_exits(called)]
    return Source(name, upward, packages_on_import(tree), printing)


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


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_above_it(room: str) -> None:
    assert room in RANK, f"{room} has no place in the order"
    assert {s.name: s.upward for s in sources(room) if s.upward} == {}


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


def packages_on_import(tree: ast.Module) -> set[str]:
    names = set()
    for node in at_module_level(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_heavy_packages_are_imported_in_functions_only(room: str) -> None:
    assert {s.name: s.on_import & HEAVY for s in sources(room) if s.on_import & HEAVY} == {}


LOUD_FILES = ("track/child.py",)  # a process of its own


@pytest.mark.parametrize("room", [r for r in ROOMS if r not in ("cli", "__main__")])
def test_only_the_command_line_prints_or_exits(room: str) -> None:
    quiet = [s for s in sources(room) if s.name not in LOUD_FILES]
    assert {s.name: s.printing for s in quiet if s.printing} == {}


@pytest.mark.parametrize(
    "source",
    [
        "print(1)", "def f():\n    sys.exit(2)", "os._exit(1)", "sys.stderr.write('x')", "x = [click.echo(y) for y in z]",
        "sys.stdout.buffer.write(b'')",
    ],
)  # fmt: skip
def test_printing_is_seen_wherever_it_stands(source: str) -> None:
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    assert any(prints_or_exits(dotted(call.func)) for call in calls)


def dotted(expression: ast.expr) -> str:
    """The words of `a.b.c`; "" for what is no name."""
    if isinstance(expression, ast.Name):
        return expression.id
    if isinstance(expression, ast.Attribute) and (before := dotted(expression.value)):
        return f"{before}.{expression.attr}"
    return ""


def prints_or_exits(called: str) -> bool:
    return called in PRINTERS or called.startswith(("sys.stdout.", "sys.stderr."))
