#!/usr/bin/env python3
"""Take ROUGE-L of LawBench prediction files with rouge_chinese and with loralab; print seconds and ratios.

    python bench/rouge.py predictions/zero_shot/GPT4/3-8.json predictions/zero_shot/GPT4/1-1.json
    python bench/rouge.py predictions/zero_shot/*/*.json --rounds 3

Files are taken one after the other, each by every way in turn, so that other work on the machine slows all
of them: compare the ratios, not the seconds. `scoring` is what rouge_chinese itself does: words joined by spaces
in, F out; it is asked for ROUGE-L only. `with_words` adds cutting both texts into words, which it leaves to
jieba. In the ratios that end in `as_lawbench_calls_it` the package takes ROUGE-1 and ROUGE-2 as well, which
LawBench's scorer does not use. Then every F is compared; exit code 1 if any differs by more than 1e-12.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from loralab.errors import DataError
from loralab.evaluate import rouge
from loralab.evaluate.rouge import BLANK, rouge_l, words
from loralab.evaluate.tasks.lawbench_predictions import Prediction, read_predictions

TOLERANCE = 1e-12
Texts = list[tuple[str, str]]


def main() -> int:
    """Run the rounds, compare the results, print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", help="LawBench prediction files")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    try:
        cells = [[_pair(p) for p in read_predictions(path)] for path in args.files]
    except DataError as error:
        print(error.text(), file=sys.stderr)
        return 2
    cut = _jieba()
    words(BLANK)  # dictionaries are read before the clock starts
    seconds: dict[str, float] = defaultdict(float)
    worst = 0.0
    for _ in range(args.rounds):
        for cell in cells:
            worst = max(worst, compare(cell, cut, seconds))
    record = {
        "files": len(cells), "answers": sum(map(len, cells)), "rounds": args.rounds,
        "seconds": {name: round(s, 3) for name, s in seconds.items()}, **ratios(seconds), "max_difference": worst,
    }  # fmt: skip
    print(
        f"loralab is {record['scoring']} times as fast as rouge_chinese, {record['with_words']} times with the cutting"
    )
    print(json.dumps(record))
    return 0 if worst <= TOLERANCE else 1


def _pair(prediction: Prediction) -> tuple[str, str]:
    return prediction.prediction, prediction.reference


def _jieba() -> Callable[[str], str]:
    """A text as LawBench gives it to rouge_chinese: words joined by spaces."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    return lambda text: " ".join(tokenizer.cut(text))


def compare(cell: Texts, cut: Callable[[str], str], seconds: dict[str, float]) -> float:
    """The largest difference in one file; the seconds of each way are added to `seconds`."""
    from rouge_chinese import Rouge

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        seconds[name] += time.perf_counter() - start
        return result

    texts = timed("jieba", lambda: [(cut(a) if a.strip() else BLANK, cut(r)) for a, r in cell])
    mine = timed("loralab_with_words", lambda: [rouge_l(a, r) for a, r in cell])
    answers, references = [a for a, _ in texts], [r for _, r in texts]
    only_l = Rouge(metrics=["rouge-l"])
    theirs = timed("rouge_chinese", lambda: only_l.get_scores(answers, references))
    timed("rouge_chinese_all_metrics", lambda: Rouge().get_scores(answers, references))
    with patch.object(rouge, "cut_words", lambda text: [text]):
        alone = timed("loralab", lambda: [rouge_l(a, r) for a, r in texts])
    assert alone == mine
    worst: float = max(abs(m - t["rouge-l"]["f"]) for m, t in zip(mine, theirs, strict=True))
    return worst


def ratios(seconds: dict[str, float]) -> dict[str, float]:
    """How many times as fast loralab is, for the scoring alone and with the words."""
    cut, mine = seconds["jieba"], seconds["loralab_with_words"]
    return {
        "scoring": round(seconds["rouge_chinese"] / seconds["loralab"], 1),
        "scoring_as_lawbench_calls_it": round(seconds["rouge_chinese_all_metrics"] / seconds["loralab"], 1),
        "with_words": round((cut + seconds["rouge_chinese"]) / mine, 1),
        "with_words_as_lawbench_calls_it": round((cut + seconds["rouge_chinese_all_metrics"]) / mine, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
