"""`loralab fetch`: a repository name in, a checked model folder on disk out."""

from __future__ import annotations

from pathlib import Path

import click

from loralab.cli.console import Console, common, pass_console
from loralab.cli.downloads import progress_lines
from loralab.errors import Problem, UsageError
from loralab.hub.base import Located
from loralab.model.fetch import fetch as fetch_files
from loralab.model.folder import check_files
from loralab.model.locate import hub_of, is_path
from loralab.run.files import sha256
from loralab.words import say


@click.command()
@click.argument("name", metavar="OWNER/NAME")
@click.option(
    "--source", type=click.Choice(["auto", "huggingface", "modelscope"]), default="auto", show_default=True
)
@click.option("--revision", metavar="R", help="Branch, tag or commit; the newest when left out.")
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Folder for the files; the hub's own cache when left out.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with every file's sha256.")
@common
@pass_console
def fetch(
    console: Console, name: str, source: str, revision: str | None, to: Path | None, as_json: bool
) -> None:
    """Download a model from Hugging Face or ModelScope and check every file.

    Files that are there already are kept; a download that was broken off goes on. Prints the folder.
    """
    if is_path(name):
        raise UsageError(Problem(say("is a path; fetch needs the owner/name of a model on a hub"), name))
    target = to.absolute() if to else None
    located = fetch_files(name, hub_of(source), revision, progress=progress_lines(console), to=target)
    check_files(located.folder)
    console.say(say("{name} is complete", name=name))
    console.data(_document(located)) if as_json else console.line(located.folder)
    console.next(say("loralab train CONFIG model.name={folder}", folder=located.folder))


def _document(located: Located) -> dict[str, object]:
    paths = sorted(
        p for p in located.folder.rglob("*") if p.is_file() and not _is_bookkeeping(located.folder, p)
    )
    files = [
        {"path": p.relative_to(located.folder).as_posix(), "bytes": p.stat().st_size, "sha256": sha256(p)}
        for p in paths
    ]
    return {
        "folder": str(located.folder), "source": located.origin, "revision": located.revision,
        "files": files, "bytes": sum(p.stat().st_size for p in paths),
    }  # fmt: skip


def _is_bookkeeping(folder: Path, path: Path) -> bool:
    """Whether a file is the hub client's own, such as .cache/."""
    return path.relative_to(folder).parts[0].startswith(".")
