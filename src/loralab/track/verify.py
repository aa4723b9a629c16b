"""A run folder in, how much of its record SwanLab's own files hold out."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loralab.run.folder import RunFolder
from loralab.run.view import Run
from loralab.track.curves import Curves, Mark, Points, in_force

ELSEWHERE = "elsewhere.txt"  # in track/swanlab/: a line for each SwanLab run that lies in another folder
Scalars = dict[tuple[str, int], float]
Texts = dict[tuple[str, int, str], str]


@dataclass(frozen=True)
class Mirror:
    """Counts of what events.jsonl asks for and of what SwanLab's record holds with the same value."""

    scalars_expected: int
    scalars_found: int
    texts_expected: int
    texts_found: int

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return (self.scalars_expected, self.texts_expected) == (self.scalars_found, self.texts_found)

    @property
    def missing(self) -> str:
        """What is not there, such as "3 of 60 points, 0 of 4 texts"."""
        points = self.scalars_expected - self.scalars_found
        texts = self.texts_expected - self.texts_found
        return f"{points} of {self.scalars_expected} points, {texts} of {self.texts_expected} texts"

    def to_dict(self) -> dict[str, int]:
        """The counts by name."""
        return dataclasses.asdict(self)


def verify(run: Run) -> Mirror:
    """Compare the events in force with all SwanLab records of a run; of two records the later one counts."""
    scalars, texts = expected(run)
    found_scalars, found_texts = recorded(run.folder)
    return Mirror(
        scalars_expected=len(scalars),
        scalars_found=sum(_same(value, found_scalars.get(place)) for place, value in scalars.items()),
        texts_expected=len(texts),
        texts_found=sum(found_texts.get(place) == text for place, text in texts.items()),
    )


def expected(run: Run) -> tuple[Scalars, Texts]:
    """What a mirror of the events in force holds: values by key and step, texts by key, step and caption."""
    curves = Curves()
    marks: list[Mark] = [mark for event in in_force(run.record.events) for mark in curves.take(event)]
    scalars: Scalars = {}
    texts: Texts = {}
    for mark in marks + curves.rest():
        if isinstance(mark, Points):
            scalars |= {(key, mark.step): value for key, value in mark.values.items()}
        else:
            texts |= {(mark.key, mark.step, caption): text for caption, text in mark.texts}
    return scalars, texts


def recorded(folder: RunFolder) -> tuple[Scalars, Texts]:
    """What SwanLab's files of a run hold, later SwanLab runs over earlier ones."""
    scalars: Scalars = {}
    texts: Texts = {}
    files = [(path, list(read_records(path))) for path in _files(folder.track("swanlab"))]
    for path, records in sorted(files, key=lambda item: _started(item[1])):
        for record in records:
            if record.HasField("scalar"):
                scalars[record.scalar.key, record.scalar.step] = record.scalar.value.number
            elif record.HasField("media"):
                texts |= _texts(path.parent / "media" / "text", record.media)
    return scalars, texts


def note_elsewhere(own: Path, folder: Path) -> None:
    """Remember that a SwanLab run lies in a folder of the user's, not beside the record."""
    with (own / ELSEWHERE).open("a", encoding="utf-8") as stream:
        stream.write(f"{folder.absolute()}\n")


def _files(own: Path) -> list[Path]:
    """SwanLab's files of a run, wherever they lie; none where the folder cannot be read."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = (own / ELSEWHERE).read_text("utf-8").splitlines() if (own / ELSEWHERE).is_file() else []
        found = [own.glob("**/run-*.swanlab"), *(Path(line).glob("run-*.swanlab") for line in lines)]
        return [path for paths in found for path in paths]
    return []


def _texts(folder: Path, media: Any) -> Texts:
    found: Texts = {}
    for item in media.value.items:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found[media.key, media.step, item.caption] = (folder / item.filename).read_bytes().decode("utf-8")
    return found


def read_records(path: Path) -> Iterator[Any]:
    """The records of one file up to its end or to the first that is torn, as after a kill."""
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader

    reader = DataStoreReader()
    try:
        reader.open(path)
        # Not its iterator: that prints what it finds torn.
        while (data := reader.scan()) is not None:
            record = Record()
            record.ParseFromString(data)
            yield record
    except Exception:  # seam: a short file fails in swanlab with assertions, struct errors and its own
        return  # nothing is swallowed: what was not read is missing from the counts set against events.jsonl
    finally:
        if reader._fp is not None:
            reader.close()


def _started(records: list[Any]) -> int:
    starts = [record.start.started_at.ToNanoseconds() for record in records if record.HasField("start")]
    return int(starts[0]) if starts else 0


def _same(value: float, found: float | None) -> bool:
    return found is not None and (value == found or (math.isnan(value) and math.isnan(found)))
