"""Picks the demo's 16 laws out of a statutes.jsonl and writes them to statutes-16.jsonl.gz."""

import argparse
import gzip
import json
from pathlib import Path

from .corpus import LAWS_FILE, full_name, short_names

FIELDS = ("law", "article", "article_sub", "text", "version_date")


def extract(statutes: Path) -> list[str]:
    """Returns the JSON lines of the demo's laws, in file order and with `FIELDS` only."""
    wanted = {full_name(short) for short in short_names()}
    rows = (json.loads(line) for line in statutes.read_text(encoding="utf-8").splitlines())
    kept = [{field: row[field] for field in FIELDS} for row in rows if row["law"] in wanted]
    assert {row["law"] for row in kept} == wanted
    return [json.dumps(row, ensure_ascii=False) for row in kept]


def write(lines: list[str], path: Path) -> None:
    """Writes a gzip file whose bytes depend on the lines alone (no time, no file name inside)."""
    payload = "".join(line + "\n" for line in lines).encode("utf-8")
    path.write_bytes(gzip.compress(payload, mtime=0))


def main() -> None:
    """Writes LAWS_FILE from the statutes file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statutes", type=Path, required=True, help="all laws, one article a line")
    lines = extract(parser.parse_args().statutes)
    write(lines, LAWS_FILE)
    print(f"{len(lines)} articles, {LAWS_FILE.stat().st_size} bytes in {LAWS_FILE.name}")


if __name__ == "__main__":
    main()
