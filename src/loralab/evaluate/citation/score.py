"""Answers with references in, how well each cites the articles of its reference out, with signs of invention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from loralab.evaluate.citation.extract import Extraction, Key, extract
from loralab.evaluate.citation.names import is_foreign
from loralab.evaluate.citation.table import by_key
from loralab.evaluate.tasks.base import Answered, RowScore

VERSION = "citation_f1/1"
COMMONEST = 10  # articles of which the best guess is made


def score(rows: Sequence[Answered]) -> list[RowScore]:
    """F1 between the articles cited by each answer and by its reference, as sets; an answer that cites none scores 0.

    Left out (value None): rows whose reference cites nothing, and rows that were trained on (`seen`).
    Abstained: the answer cites nothing. Extras of an answer, each from 0 to 1; the mean of each is over the
    answers that have it:

    - precision, recall, law_hit (a statute of the reference is cited, any article): where there is a value.
    - cites: whether anything is cited. placeholder: whether a 第X条 stands in it.
    - out_of_range, repealed, unknown_law: of the articles cited, the share beyond the last article of the table's
      version (or a 之N that does not exist), of a law that Civil Code art. 1260 repealed, and of a statute (..法,
      ..法典) that the table does not know; only where anything is cited.
    """
    return [_score_row(row) for row in rows]


def _score_row(row: Answered) -> RowScore:
    found = extract(row.answer)
    extra = _signs(found)
    wanted = extract(row.reference).keys
    if not wanted or row.data.get("seen"):
        return RowScore(None, not found.keys, extra=extra)
    common = len(found.keys & wanted)
    precision = common / len(found.keys) if found.keys else 0.0
    recall = common / len(wanted)
    law_hit = bool(_laws(wanted) & (found.laws | _laws(found.keys)))
    sides = {"precision": precision, "recall": recall, "law_hit": float(law_hit)}
    return RowScore(set_f1(found.keys, wanted), not found.keys, extra=sides | extra)


def set_f1(found: Collection[Key], wanted: Collection[Key]) -> float:
    """Twice the articles in common over the articles of both; 0 where both are empty."""
    common = len({*found} & {*wanted})
    return 2 * common / (len(found) + len(wanted)) if common else 0.0


def _laws(keys: Collection[Key]) -> set[str]:
    return {law for law, _, _ in keys}


def _signs(found: Extraction) -> dict[str, float]:
    signs = {"cites": float(bool(found.keys)), "placeholder": float(found.placeholders > 0)}
    checks: dict[str, Callable[[Key], bool]] = {
        "out_of_range": out_of_range, "repealed": is_repealed, "unknown_law": is_unknown,
    }  # fmt: skip
    if found.keys:
        signs |= {name: sum(map(check, found.keys)) / len(found.keys) for name, check in checks.items()}
    return signs


def out_of_range(key: Key) -> bool:
    """Whether the table's version of the law has no such article; False for laws whose articles it does not count."""
    law, article, sub = key
    known = by_key().get(law)
    return known is not None and not known.holds(article, sub)


def is_repealed(key: Key) -> bool:
    """Whether the law is one of the nine that the Civil Code repealed on 1 January 2021."""
    known = by_key().get(key[0])
    return known is not None and known.repealed


def is_unknown(key: Key) -> bool:
    """Whether the law calls itself a statute and is none of the table, nor foreign.

    Regulations and interpretations are not judged: the table holds national laws only.
    """
    law = key[0]
    return (
        law.endswith(("法", "法典"))
        and not law.endswith("办法")
        and law not in by_key()
        and not is_foreign(law)
    )


def floor(references: Sequence[str]) -> float | None:
    """What the best fixed answer scores: the k articles that most references cite, for the best k up to COMMONEST."""
    wanted = [keys for reference in references if (keys := extract(reference).keys)]
    if not wanted:
        return None
    commonest = [
        key for key, _ in Counter(key for keys in wanted for key in sorted(keys)).most_common(COMMONEST)
    ]
    guesses = [commonest[:k] for k in range(1, len(commonest) + 1)]
    return max(sum(set_f1(guess, keys) for keys in wanted) / len(wanted) for guess in guesses)
