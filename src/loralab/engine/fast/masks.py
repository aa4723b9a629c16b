"""A module's name and its input in, the input with dropout's elements at 0 out: by the masks of the plain engine, end to end.

On a CPU masks are drawn and multiplied by NumPy, a document at a time while it is in the cache; a product of float32
with truth values takes half of the time that torch's `where` takes. Documents are shared out among torch's threads.
Masks of Philox are made where the tensors lie, of all documents at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from loralab.engine.device_dropout import device_mask, mask_tokens
from loralab.engine.dropout import Stream, dropout_mask, keep_scale

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Masks:
    """What the masks of a micro-batch depend on. Nothing is kept: the backward pass asks again.

    `rows` are id and length of each document; `chosen` (N,) are the only tokens wanted, ascending, if not all are.
    """

    seed: int
    step: int
    dropout: float
    rows: tuple[tuple[str, int], ...]
    device: str
    stream: Stream
    chosen: Any = None

    @property
    def scale(self) -> float:
        """What kept elements are multiplied with."""
        return keep_scale(self.dropout)

    def drop(self, module: str, *inputs: Any) -> tuple[Any, ...]:
        """Copies of tensors (T, width), or (N, width), with the elements at 0 that the module's mask drops."""
        import torch

        if self.stream == "philox":
            width = inputs[0].shape[1]
            kept = device_mask(self._tokens, self.seed, self.step, module, width, self.dropout)
            return tuple(torch.where(kept, x, 0.0) for x in inputs)
        arrays = [x.numpy() for x in inputs]
        outs = [np.empty_like(array) for array in arrays]

        def drop_one(document: int) -> None:
            mask, part = self._mask(document, module, arrays[0].shape[1]), self._parts[document]
            for array, out in zip(arrays, outs, strict=True):
                np.multiply(array[part], mask, out=out[part])

        _for_each(drop_one, len(self.rows), torch.get_num_threads())
        return tuple(torch.from_numpy(out) for out in outs)

    def _mask(self, document: int, module: str, width: int) -> Mask:
        row, length = self.rows[document]
        mask = dropout_mask(self.seed, self.step, row, module, length, width, self.dropout)
        return mask if self.chosen is None else mask[self._places[document]]

    @cached_property
    def _tokens(self) -> Any:
        """What masks of Philox need to know of the tokens wanted: brought to the device once."""
        tokens = mask_tokens(self.seed, self.step, self.rows, self.device)
        return tokens if self.chosen is None else tokens[:, self.chosen]

    @cached_property
    def _parts(self) -> tuple[slice, ...]:
        """Where the tokens of each document lie among those wanted."""
        lengths = [n for _, n in self.rows] if self.chosen is None else [len(p) for p in self._places]
        return tuple(_end_to_end(lengths))

    @cached_property
    def _places(self) -> tuple[npt.NDArray[np.int64], ...]:
        """The tokens wanted of each document, as places in it."""
        chosen = self.chosen.cpu().numpy()
        parts = _end_to_end([n for _, n in self.rows])
        return tuple(chosen[(chosen >= part.start) & (chosen < part.stop)] - part.start for part in parts)


def only(masks: Masks | None, chosen: Any) -> Masks | None:
    """The masks of the tokens `chosen` alone; of all if it is None."""
    return masks if masks is None or chosen is None else replace(masks, chosen=chosen)


def _end_to_end(lengths: list[int]) -> Iterator[slice]:
    start = 0
    for length in lengths:
        yield slice(start, start + length)
        start += length


def _for_each(work: Callable[[int], None], count: int, threads: int) -> None:
    if threads == 1 or count == 1:
        for index in range(count):
            work(index)
    else:
        list(_pool(threads).map(work, range(count)))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """NumPy leaves Python's lock alone while it draws and multiplies."""
    return ThreadPoolExecutor(threads, "loralab-masks")
