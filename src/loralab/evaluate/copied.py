"""Answers and the answers of training rows in, which answers stand nearly whole in one training answer out.

An answer counts as copied if its letters and digits number SHORTEST or more, and one training answer holds SHARE or
more of its different runs of RUN of them. Case, spaces and punctuation do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loralab.data.conversation import text_key
from loralab.data.doctor.near import SHINGLE, THRESHOLD
from loralab.data.doctor.shingles import Hashes, shingles

VERSION = "copied/1"
RUN, SHARE = SHINGLE, THRESHOLD  # as for questions that nearly stand in a row
SHORTEST = 30  # letters and digits; shorter answers are often the same without one being a copy of the other
BLOCK = 1 << 18  # characters that are looked at together
BITS = 20  # of a run's number; most runs of training answers are told apart from those of the answers by them

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Runs:
    """The different runs of all answers, sorted; `owners` (n,) are the answers that they belong to.

    `sizes` are the numbers of runs of each answer, `maybe` (2^BITS,) is true where a run with these first bits is.
    """

    hashes: Hashes
    owners: Numbers
    sizes: Numbers
    maybe: npt.NDArray[np.bool_]


def copied(answers: Sequence[str], training: Iterable[str]) -> list[bool]:
    """Whether each answer stands nearly whole in one of the training answers, which are read once, block by block."""
    runs = _runs_of(answers)
    found = np.zeros(len(answers), np.bool_)
    if len(runs.hashes):
        for block in _blocks(training):
            found |= _found(block, runs)
    return [bool(one) for one in found]


def _runs_of(answers: Sequence[str]) -> _Runs:
    keys = [text_key(answer) for answer in answers]
    none = np.empty(0, np.uint64)
    owned = [np.unique(shingles(key, RUN)) if len(key) >= SHORTEST else none for key in keys]
    sizes = np.array([len(own) for own in owned], np.int64)
    hashes = np.concatenate([none, *owned])
    order = np.argsort(hashes, kind="stable")
    maybe = np.zeros(1 << BITS, np.bool_)
    maybe[_first_bits(hashes)] = True
    return _Runs(hashes[order], np.repeat(np.arange(len(owned)), sizes)[order], sizes, maybe)


def _first_bits(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - BITS)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The keys of the texts, so many together that there is something to compute at once."""
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text_key(text))
        size += len(block[-1])
        if size >= BLOCK:
            yield block
            block, size = [], 0
    yield block


def _found(block: Sequence[str], runs: _Runs) -> npt.NDArray[np.bool_]:
    """Which answers (n,) one text of the block holds."""
    texts, hashes = _known(block, runs)
    firsts = runs.hashes.searchsorted(hashes)
    times = runs.hashes.searchsorted(hashes, "right") - firsts
    # the places in `runs` of each run: first, first + 1, ..., as many as there are answers with it
    places = np.repeat(firsts - (np.cumsum(times) - times), times) + np.arange(times.sum())
    pairs = np.repeat(texts, times) * len(runs.sizes) + runs.owners[places]
    different, counts = np.unique(pairs, return_counts=True)
    owners = different % len(runs.sizes)
    found = np.zeros(len(runs.sizes), np.bool_)
    found[owners[counts >= SHARE * runs.sizes[owners]]] = True
    return found


def _known(block: Sequence[str], runs: _Runs) -> tuple[Numbers, Hashes]:
    """The different runs of each text that are in an answer too: number of the text (n,), run (n,)."""
    hashes = shingles("".join(block), RUN)
    ends = np.cumsum([len(text) for text in block])
    at = np.flatnonzero(runs.maybe[_first_bits(hashes)])
    texts = ends.searchsorted(at, "right")
    within = at + RUN <= ends[texts]  # no run over the border of two texts
    at, texts = at[within], texts[within]
    pairs = np.unique(np.stack([texts.astype(np.uint64), hashes[at]], axis=1), axis=0)
    known = runs.hashes[runs.hashes.searchsorted(pairs[:, 1]) % len(runs.hashes)] == pairs[:, 1]
    return pairs[known, 0].astype(np.int64), pairs[known, 1]
