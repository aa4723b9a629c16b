"""Conversations in, their token ids and masks out of a memory-mapped file: made once, and kept for the next run."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from pathlib import Path

import numpy as np
import numpy.typing as npt

from loralab.data.conversation import Conversation
from loralab.data.reasons import BadRow
from loralab.encode.batch import EncodeRules
from loralab.encode.cache import SUFFIX, tidy, token_cache_folder, token_key, touch
from loralab.encode.encode import Encoded
from loralab.encode.parallel import encode_in_order
from loralab.encode.scratch import ScratchFile
from loralab.encode.template import ChatTemplate
from loralab.encode.tokenfile import TRAINED, Damaged, TokenData, TokenWriter, read_checked, read_written
from loralab.words import Words, say

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TokenStore:
    """Encoded rows 0 to n-1, uncut, of which memory holds a few numbers each.

    `reused` tells that an earlier run had made them; `note` what went otherwise than planned.
    """

    _data: TokenData = field(repr=False)
    reused: bool = False
    note: Words | None = None

    def __len__(self) -> int:
        return len(self._data.lengths)

    def __getitem__(self, row: int) -> Encoded:
        """The row, without tokens if it cannot be encoded; raises IndexError beyond the rows."""
        row = operator.index(row)
        if not 0 <= row < len(self):
            raise IndexError(row)
        words = self._data.words[self._starts[row] : self._starts[row + 1]]
        ids, trained = words & ~np.uint32(TRAINED), words >= TRAINED
        return Encoded(tuple(ids.tolist()), tuple(trained.tolist()), bool(self._data.agrees[row]))

    @property
    def lengths(self) -> Counts:
        """Tokens of each row (n,)."""
        return self._data.lengths

    @property
    def agrees(self) -> npt.NDArray[np.bool_]:
        """`Encoded.agrees` of each row (n,)."""
        return self._data.agrees

    @property
    def faults(self) -> dict[int, BadRow]:
        """Why rows cannot be encoded, by row; their length is 0."""
        return self._data.faults

    @property
    def largest_id(self) -> int:
        """The largest token id in any row; 0 without rows."""
        return self._data.largest_id

    @cached_property
    def labels(self) -> Counts:
        """Tokens trained on of each row (n,)."""
        return self.labels_within(int(self.lengths.max(initial=0)))

    @cached_property
    def ends(self) -> Counts:
        """Tokens of each row (n,) that close a trained answer."""
        return self.ends_within(int(self.lengths.max(initial=0)))

    def labels_within(self, limit: int) -> Counts:
        """Tokens trained on among the first `limit` tokens of each row (n,)."""
        row, start, stop = self._data.stretches.T
        return self._sums(row, np.minimum(stop, limit) - np.minimum(start, limit))

    def ends_within(self, limit: int) -> Counts:
        """Tokens that close a trained answer among the first `limit` tokens of each row (n,)."""
        row, _, stop = self._data.stretches.T
        return self._sums(row, stop <= limit)

    def _sums(self, row: Counts, values: npt.NDArray[np.int64 | np.bool_]) -> Counts:
        return np.bincount(row, values, len(self)).astype(np.int64)

    @cached_property
    def _starts(self) -> Counts:
        return np.concatenate(([0], np.cumsum(self.lengths)))


def encode_all(
    conversations: Sequence[Conversation],
    content_key: bytes,
    template: ChatTemplate,
    rules: EncodeRules,
    *,
    workers: int | None = None,
    use_cache: bool = True,
) -> TokenStore:
    """What `encode` gives for each conversation, from the cache if it stands there.

    `content_key` tells these conversations, in this order, from any others. `workers` threads tokenise; None
    is one for few rows, else one for each usable core. Raises UsageError if the rules need a pad token that
    there is none of, ResourceError if no file at all can be written.
    """
    key = token_key(content_key, template, rules) if use_cache else None
    path = token_cache_folder() / f"{key}{SUFFIX}" if key else None
    notes: list[Words] = []
    if path and key:
        found = _reuse(path, key, len(conversations), notes)
        if found:
            return TokenStore(found, reused=True)
    elif use_cache:
        notes.append(say("the tokenizer runs code of its own, so token ids are not kept for the next run"))
    with ScratchFile(path) as file:
        writer = TokenWriter(file)
        with contextlib.closing(encode_in_order(conversations, template, rules, workers)) as results:
            for result in results:
                writer.add(result)
        writer.finish(key or "")
        file.keep()
        data = read_written(file.map())
    if file.fault:
        notes.append(_not_kept(path, file.fault))
    elif path:
        tidy(path.parent, keep=path)
    return TokenStore(data, note=_together(notes))


def _reuse(path: Path, key: str, rows: int, notes: list[Words]) -> TokenData | None:
    """What an earlier run has kept; None, with a note if that is not because there is nothing."""
    try:
        data = read_checked(path, key)
    except FileNotFoundError:
        return None
    except Damaged:
        data = None
    except OSError as error:
        reason = error.strerror or str(error)
        notes.append(say("kept token ids cannot be read from {path}: {reason}", path=path, reason=reason))
        return None
    if data is None or len(data.lengths) != rows:
        notes.append(say("kept token ids are damaged, so the rows are tokenised again: {path}", path=path))
        return None
    touch(path)
    return data


def _not_kept(path: Path | None, fault: OSError) -> Words:
    return say(
        "token ids cannot be kept in {folder} ({reason}); the next run will tokenise the rows again",
        folder=path.parent if path else "",
        reason=fault.strerror or str(fault),
    )


def _together(notes: Sequence[Words]) -> Words | None:
    return reduce(lambda a, b: say("{first}; {second}", first=a, second=b), notes) if notes else None
