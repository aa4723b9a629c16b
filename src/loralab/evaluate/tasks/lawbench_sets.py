"""Names of a closed list in, how well an answer names them out: LawBench's label sets and charges, as set F1."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from loralab.evaluate.tasks.base import RowScore
from loralab.evaluate.tasks.lawbench_labels import CHARGES, DIVORCE_LABELS
from loralab.evaluate.tasks.lawbench_rule import Rule, set_f1


def _labels(reference: str) -> set[str] | None:
    if not (reference.startswith("类别:") and reference.endswith("。")):
        return None
    labels = set(reference[3:-1].split("、"))
    return labels if labels <= set(DIVORCE_LABELS) else None


def _charges(reference: str) -> set[str] | None:
    """The charges of a reference; the official code takes also those that no answer can be found to name."""
    return set(reference.replace("罪名:", "").split(";")) if reference.startswith("罪名:") else None


def _score(answer: str, gold: set[str], names: Sequence[str]) -> RowScore:
    """A name inside a longer one counts as named too, as 诈骗 in 合同诈骗."""
    found = {name for name in names if name in answer}
    return RowScore(set_f1(gold, found), not found)


LABEL_RULE = Rule(
    "f1", read=_labels, row=partial(_score, names=DIVORCE_LABELS), example="类别:不动产分割、有夫妻共同财产。"
)
CHARGE_RULE = Rule("f1", read=_charges, row=partial(_score, names=CHARGES), example="罪名:盗窃;诈骗")
