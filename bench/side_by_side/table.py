"""Records of rounds in, the table of a benchmark out: medians over rounds, ratios within each round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

LIMIT = "limit"
REFERENCE = "fast"
GIB = 1 << 30
Record = dict[str, Any]
HEAD = (
    "", "rounds", "CPU s", "min-max", "wall s", "tokens/s", "label tokens/s", "padding", "peak GiB", "of limit",
    "fast is x times", "min-max", "loss 1", "loss 2",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What every variant had to do in the measured step: counted, not measured."""

    tokens: int
    label_tokens: int
    least_flops: float


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and their range."""

    median: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread | None:
    """None without numbers."""
    numbers = sorted(values)
    return Spread(median(numbers), numbers[0], numbers[-1]) if numbers else None


def by_variant(records: Sequence[Record]) -> dict[str, dict[int, Record]]:
    """Successful measurements: variant, then round. The last one counts."""
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        if "failed" not in record:
            found.setdefault(record["variant"], {})[record["round"]] = record
    return found


def paired(
    mine: dict[int, Record], other: dict[int, Record], of: Callable[[Record, Record], float]
) -> list[float]:
    """A number of two variants for each round that both have."""
    return [of(mine[number], other[number]) for number in sorted(mine.keys() & other.keys())]


def table(records: Sequence[Record], variants: Sequence[str], work: Work) -> list[str]:
    """Its lines, one for each variant that was measured."""
    found = by_variant(records)
    limit, reference = found.get(LIMIT, {}), found.get(REFERENCE, {})
    rows = [_row(name, found[name], limit, reference, work) for name in variants if name in found]
    return _aligned([HEAD, *rows])


def _row(
    name: str, mine: dict[int, Record], limit: dict[int, Record], reference: dict[int, Record], work: Work
) -> tuple[str, ...]:
    rounds = [mine[number] for number in sorted(mine)]
    cpu = spread(r["cpu_seconds"] for r in rounds)
    assert cpu
    share = spread(paired(mine, limit, lambda m, p: work.least_flops / m["cpu_seconds"] / p["gflops"] / 1e9))
    ratio = spread(paired(mine, reference, lambda m, f: m["cpu_seconds"] / f["cpu_seconds"]))
    computed = rounds[-1]["computed_tokens"] or work.tokens
    return (
        name, str(len(rounds)), f"{cpu.median:.2f}", f"{cpu.low:.2f}-{cpu.high:.2f}",
        f"{median(r['wall_seconds'] for r in rounds):.2f}", f"{work.tokens / cpu.median:.1f}",
        f"{work.label_tokens / cpu.median:.1f}", f"{1 - work.tokens / computed:.0%}",
        f"{max(r['peak_bytes'] for r in rounds) / GIB:.2f}", f"{share.median:.0%}" if share else "-",
        f"{ratio.median:.2f}" if ratio else "-", f"{ratio.low:.2f}-{ratio.high:.2f}" if ratio else "-",
        *(f"{loss:.6f}" for loss in rounds[-1]["losses"]),
    )  # fmt: skip


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def notes(records: Sequence[Record], variants: Sequence[str], rounds: int, dropout: float) -> list[str]:
    """What is missing, and how far losses of one step lie apart."""
    found = by_variant(records)
    lines = [
        f"{name}: measured in {len(found.get(name, {}))} of {rounds} rounds"
        for name in (LIMIT, *variants)
        if len(found.get(name, {})) < rounds
    ]
    failed = sum("failed" in record for record in records)
    if failed:
        lines.append(f"measurements that failed, and are not in the table: {failed}")
    moving = [name for name, mine in found.items() if name != LIMIT and _apart(mine.values()) > 0]
    if moving:
        lines.append(f"losses differ between rounds: {', '.join(moving)}")
    same = [n for n in variants if n in found and n != "trl-bf16" and (not dropout or n in ("plain", "fast"))]
    if len(same) > 1:
        apart = _apart(record for name in same for record in found[name].values())
        lines.append(f"largest difference between losses of one step ({', '.join(same)}): {apart:.1e}")
    if dropout:
        lines.append("with dropout the others draw other masks, so their losses are others; see --dropout 0")
    return lines


def _apart(records: Iterable[Record]) -> float:
    columns = zip(*(record["losses"] for record in records), strict=True)
    worst: float = max(max(losses) - min(losses) for losses in columns)
    return worst
