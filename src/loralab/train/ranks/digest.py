"""A planned job in, a word that tells its training rows, their order and their tokens from any others out."""

from __future__ import annotations

import hashlib

import numpy as np

from loralab.train.job import Job


def digest(job: Job) -> str:
    """Hex sha256 over the ids, lengths and label tokens of the rows of an epoch."""
    prepared = job.prepared
    assert prepared.encoded.store is not None
    index = prepared.epoch.index
    found = hashlib.sha256("\n".join(prepared.epoch.ids()).encode("ascii"))
    for counts in (prepared.encoded.store.lengths, prepared.encoded.store.labels):
        found.update(np.ascontiguousarray(counts[index], np.int64).tobytes())
    return found.hexdigest()
