"""The pages of the board in Chromium: they show the numbers of events.jsonl, live, to everybody, and run nothing of strangers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from conftest import CUT, DIVERGED, LAW, STRANGE, write_runs
from doubles.browser import Watched, find_axe, find_chromium, watch
from doubles.compared import write_run
from doubles.made_run import ENDINGS, Recipe, make_step
from doubles.served import served
from loralab.run.files import dump_json
from loralab.run.lock import RunLock
from loralab.run.view import open_run

A, B = "0005-a", "0006-b"
PHONE = {"viewport": {"width": 390, "height": 800}}
PAGES = ["/", f"/run/{LAW}", f"/run/{LAW}/answers", f"/run/{LAW}/files", f"/run/{DIVERGED}", f"/run/{CUT}",
         f"/run/{STRANGE}", f"/run/{STRANGE}/answers", f"/compare?run={A}&run={B}", f"/compare?run={LAW}&run={A}", "/none"]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that containers lack; the pages are ours
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_runs(tmp_path_factory.mktemp("browser") / "runs")
    for name, values in ((A, [0.0, 1.0, 1.0, 0.0]), (B, [1.0, 1.0, 1.0, 0.0])):
        write_run(folder / name, {"heldout/exact_match": values}, losses=[3 - 0.1 * i for i in range(20)])
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as address:
        yield address


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    found = watch(browser, address)
    yield found
    found.page.context.close()
    found.check()


def opened(watched: Watched, address: str, path: str) -> None:
    """Go there, and wait until everything that the page asks for is drawn."""
    watched.page.goto(address + path)
    watched.page.wait_for_load_state("load")
    if watched.page.locator("#charts").count():
        watched.page.wait_for_selector("#charts .u-over, #no-steps:not([hidden])")


@pytest.mark.parametrize(
    ("scheme", "path"), [*(("light", path) for path in PAGES), *(("dark", path) for path in PAGES[:3])]
)
def test_no_page_has_a_serious_accessibility_fault(
    browser: Browser, address: str, path: str, scheme: Any
) -> None:
    axe = find_axe()
    found = watch(
        browser, address, color_scheme=scheme, bypass_csp=True
    )  # axe is a script of ours put into the page
    opened(found, address, path)
    found.page.evaluate(axe)
    result = found.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in result["violations"] if v["impact"] in ("serious", "critical")]  # fmt: skip
    found.page.context.close()
    assert serious == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_fits_a_telephone_and_runs_clean(browser: Browser, address: str, path: str) -> None:
    found = watch(browser, address, **PHONE)
    found.page.on("response", lambda answer: None)
    opened(found, address, path)
    too_wide = found.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    found.page.context.close()
    refused = [fault for fault in found.faults if not re.search(r"status of (404|409)", fault)]
    assert (too_wide, refused) == (0, [])


def test_the_curve_shows_the_numbers_of_the_events(watched: Watched, address: str, folder: Path) -> None:
    opened(watched, address, f"/run/{LAW}")
    drawn = watched.page.evaluate(DRAWN, "loss")
    record = open_run(folder / LAW).record
    assert drawn["x"] == [event["step"] for event in record.steps()]
    assert drawn["lines"]["train loss"] == [event["loss"] for event in record.steps()]
    held = {event["step"]: event["loss"] for event in record.held_out() if event["step"]}
    assert {
        x: y for x, y in zip(drawn["x"], drawn["lines"]["held-out loss"], strict=True) if y is not None
    } == held


# what the picture is drawn from
DRAWN = """key => {
  const card = document.querySelector(`[data-key="${key}"]`);
  const [x, ...ys] = card.card.drawn.data;
  const names = card.card.drawn.series.slice(1).map((one) => one.label);
  return {x: [...x].filter((v) => v > 0), lines: Object.fromEntries(names.map((name, i) => [name, [...ys[i]].slice(x[0] > 0 ? 0 : 1).map((v) => v ?? null)]))};
}"""


def test_a_step_without_a_number_is_told_as_such(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{DIVERGED}")
    card = watched.page.locator('[data-key="loss"]')
    expect(card.locator(".plot")).to_have_attribute("aria-label", re.compile("no finite number"))
    card.locator("summary").click()
    rows = card.locator("tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows if "NaN" in row.split("\t")[1]] == ["20", "21", "22", "49", "50"]
    assert watched.page.evaluate(SHADED, [21, 35]) == [True, False]


# whether the picture has the colour of a gap at the top of a step's place
SHADED = """steps => {
  const u = document.querySelector('[data-key="loss"]').card.drawn;
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [u.ctx.canvas.width, u.ctx.canvas.height];
  const ctx = copy.getContext("2d", {willReadFrequently: true});
  ctx.drawImage(u.ctx.canvas, 0, 0);
  return steps.map((step) => {
    const [r, , b] = ctx.getImageData(Math.round(u.valToPos(step, "x", true)), u.bbox.top + u.bbox.height - 3, 1, 1).data;
    return r - b > 60;
  });
}"""


def test_the_mark_is_moved_by_keys(watched: Watched, address: str, folder: Path) -> None:
    opened(watched, address, f"/run/{LAW}")
    card = watched.page.locator('[data-key="rate"]')
    card.locator(".plot").focus()
    watched.page.keyboard.press("ArrowRight")
    first = card.locator(".readout").inner_text()
    watched.page.keyboard.press("ArrowRight")
    second = card.locator(".readout").inner_text()
    steps = [
        int(found[1]) for text in (first, second) if (found := re.match(r"optimizer step (\d+) · ", text))
    ]
    assert len(steps) == 2 and steps[1] == steps[0] + 1
    rate = open_run(folder / LAW).record.steps()[steps[1] - 1]["learning_rate"]
    assert float(second.rpartition(" ")[2]) == pytest.approx(rate, rel=1e-3)


def eventually(watched: Watched, expression: str, holds: Callable[[Any], bool]) -> Any:
    """What an expression gives once it holds; the last it gave after two seconds. The page's policy forbids eval, by
    which the browser would wait itself."""
    for _ in range(40):
        if holds(found := watched.page.evaluate(expression)):
            break
        watched.page.wait_for_timeout(50)
    return found


def test_a_part_can_be_seen_larger_and_all_again(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{LAW}")
    box = watched.page.locator('[data-key="loss"] .u-over').bounding_box()
    assert box
    watched.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    watched.page.mouse.down()
    watched.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    watched.page.mouse.up()
    seen = "(() => { const s = document.querySelector('[data-key=\"rate\"]').card.drawn.scales.x; return [s.min, s.max]; })()"
    low, high = eventually(watched, seen, lambda found: found[0] > 10)
    assert 10 < low < 20 < high < 35, "the charts beside it show the same part"
    watched.page.locator('[data-key="loss"]').get_by_role("button", name="whole run").click()
    assert eventually(watched, seen, lambda found: found == [1, 60]) == [1, 60]


def test_a_step_reaches_the_page_and_so_does_the_end(browser: Browser, tmp_path: Path) -> None:
    run = Recipe(num_steps=20, ending="", stages=("before",)).write(tmp_path / "0001-live")
    lock = RunLock(run.folder.lock)
    with served(tmp_path) as address:
        found = watch(browser, address)
        opened(found, address, "/run/0001-live")
        expect(found.page.locator("#part-about .status")).to_have_text("running")
        with run.folder.events.open("a") as file:
            file.write(dump_json({"seq": 90, "time": "2026-11-25T04:00:00Z", **make_step(21, 40)}) + "\n")
        expect(found.page.locator("#done")).to_have_text("21 of 20", timeout=2000)
        with run.folder.events.open("a") as file:
            file.write(dump_json({"seq": 91, "time": "2026-11-25T04:00:01Z", **ENDINGS["finished"]}) + "\n")
        lock.release()
        expect(found.page.locator("#part-about .status")).to_have_text("finished")
        assert (
            found.page.evaluate("document.querySelector('[data-key=\"loss\"]').card.drawn.data[0].at(-1)")
            == 21
        )
        found.page.context.close()
    found.check()


def test_runs_are_ordered_found_and_compared(watched: Watched, address: str) -> None:
    opened(watched, address, "/")
    rows = watched.page.locator("#rows tr:visible")
    expect(rows).to_have_count(6)
    watched.page.get_by_role("button", name="steps").click()
    counts = [
        int(text.split()[0]) for text in watched.page.locator("#rows tr td:nth-child(7)").all_inner_texts()
    ]
    assert counts == sorted(counts, reverse=True)
    watched.page.get_by_label("Status").select_option("failed")
    expect(rows).to_have_count(1)
    watched.page.get_by_label("Status").select_option("")
    watched.page.get_by_label("Search", exact=True).fill("0005")
    expect(rows).to_have_count(1)
    watched.page.get_by_label(f"choose {A}").check()
    watched.page.get_by_label("Search", exact=True).fill("")
    watched.page.get_by_label(f"choose {B}").check()
    watched.page.get_by_role("button", name="Compare the chosen runs").click()
    watched.page.wait_for_selector("#charts .u-over")
    assert watched.page.locator("h1").inner_text().startswith(A)


def test_a_thousand_runs_have_a_row_each(browser: Browser, tmp_path: Path) -> None:
    for number in range(1, 1001):
        folder = tmp_path / f"{number:04d}-run"
        folder.mkdir()
        (folder / "manifest.json").write_text(
            json.dumps({"format": 1, "model": {"name": f"model-{number % 7}"}})
        )
        (folder / "events.jsonl").write_text(
            dump_json({"seq": 0, "time": "2026-11-25T04:00:00Z", **ENDINGS["finished"]}) + "\n"
        )
    with served(tmp_path) as address:
        found = watch(browser, address)
        opened(found, address, "/")
        expect(found.page.locator("#rows tr")).to_have_count(1000, timeout=30_000)
        found.page.get_by_label("Search", exact=True).fill("model-3 99")
        expect(found.page.locator("#rows tr:visible")).to_have_count(
            sum("99" in f"{n:04d}" and n % 7 == 3 for n in range(1, 1001))
        )
        found.page.context.close()
    found.check()


def test_an_empty_folder_says_how_to_begin(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        found = watch(browser, address)
        opened(found, address, "/")
        expect(found.page.locator("#nothing")).to_be_visible()
        found.page.context.close()
    found.check()


def test_differing_words_are_marked(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{LAW}/answers")
    stage = watched.page.locator('.asked >> nth=0 >> [data-stage="epoch-1"] .text')
    assert (stage.locator("ins").inner_text(), stage.locator("del").inner_text()) == ("epoch-1", "before")
    watched.page.get_by_label("Mark differences from").select_option("")
    assert stage.inner_text() == "answer 0 of epoch-1" and stage.locator("ins").count() == 0


def test_hostile_answers_run_nothing(watched: Watched, address: str) -> None:
    for page in ("", "/answers"):
        opened(watched, address, f"/run/{STRANGE}{page}")
    assert "<script>alert(1)</script>" in watched.page.locator(".asked").first.inner_text()
    assert watched.page.locator(".asked img, .asked script, .asked a").count() == 0


def test_a_chinese_reader_gets_chinese(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{LAW}?lang=zh")
    assert watched.page.locator("#curves h2").inner_text() == "曲线"
    assert "训练" in watched.page.locator('[data-key="loss"] .legend').inner_text()
