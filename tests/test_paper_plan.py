"""The paper plan in the documentation is what its script makes, and its formulas are those it states."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("paper_plan")


def test_the_pages_hold_what_the_script_makes(plan: Any) -> None:
    for path, text in plan.pages().items():
        assert plan.BEGIN in text and plan.END in text
        assert path.read_text("utf-8") == text, "run: python scripts/paper_plan.py --write"


def test_the_shapes_are_those_of_the_models(plan: Any) -> None:
    found = [p.shape.parameters for p in plan.PLANS]
    assert found == [7_615_616_512, 14_770_033_664, 70_553_706_496]
    assert plan.adapter_numbers(plan.QWEN_7B, plan.KIND) == 161_480_704


def test_both_languages_have_the_same_numbers(plan: Any) -> None:
    """Apart from dates and words: the cells of the tables."""

    def cells(language: str) -> list[str]:
        rows = [line for line in plan.section(language).splitlines() if line.startswith("|")]
        return re.findall(r"(?<![\w.])[+-]?\d[\d,]*\.?\d*", "".join(rows))

    assert sorted(cells("en")) == sorted(cells("zh")) and len(cells("en")) > 150
    assert "{" not in re.sub(r"`[^`]*`", "", plan.section("en") + plan.section("zh"))


def test_a_row_can_be_recomputed_by_hand(plan: Any) -> None:
    """14B split over 4 A100: everything from the page's own words."""
    fourteen = plan.PLANS[1]
    numbers, adapter = 14_770_033_664, plan.adapter_numbers(plan.QWEN_14B, plan.KIND)
    traffic, wire, compute = plan.step_parts(fourteen, "split")
    assert traffic == pytest.approx(2 * 3 / 4 * 4 * adapter + 2 * 3 / 4 * numbers * 2)
    assert wire == pytest.approx(traffic / (300e9 * 0.6))
    layers = 48 * (5120 * (5120 + 2 * 1024) + 5120 * 5120 + 3 * 5120 * 13824)
    operations = 6 * layers + 8 * adapter + 4 * 152064 * 5120 * 0.71
    assert compute == pytest.approx(16 * 166 / 4 * operations / (312e12 * 0.3))


def test_splitting_holds_less_and_sends_more_and_in_turn_is_as_slow_as_one(plan: Any) -> None:
    for one in plan.PLANS:
        assert plan.held(one, "split")[-1] < plan.held(one, "whole")[-1]
        whole, split, turn = (plan.step_parts(one, way) for way in plan.WAYS)
        assert split[0] > whole[0] and split[2] == whole[2]
        assert turn[2] > one.devices * whole[2], "padding and the whole head come on top"


def test_what_stays_is_what_auto_goes_by(plan: Any) -> None:
    assert [plan.auto_splits(one) for one in plan.PLANS] == [False, True, True]
    assert "does not fit" in plan.section("en") and plan.left(plan.PLANS[2], "whole") < 0


def test_the_masks_of_a_step_can_be_recomputed_by_hand(plan: Any) -> None:
    """7B on one A100: inputs of seven projections, three times; what takes longer, the memory or the instructions."""
    numbers = 3 * 16 * 166 * 28 * (6 * 3584 + 18944)
    values = plan._mask_values()
    assert values["mask_seconds"] == pytest.approx(numbers * 234 / (1555e9 * 0.5))
    memory, code = numbers / (1555e9 * 0.5), numbers * 286 / 16 / (108 * 64 * 1.41e9 * 0.3)
    assert values["kernel_seconds"] == pytest.approx(max(memory, code)) and code > memory
