"""The pages of the board in Chromium: they show the numbers of events.jsonl, live, to everybody, and run nothing of strangers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from doubles.board_runs import CUT, DIVERGED, GOING, HELD_AFTER, LAW, LOST, REAL, STRANGE, A, B
from doubles.browser import AXE, Watched, find_axe, opened, watch
from doubles.made_run import Recipe
from doubles.real_runs import run_in_progress
from doubles.served import served
from loralab.board import index as index_module
from loralab.run.numbers import to_float
from loralab.run.view import open_run

pytestmark = pytest.mark.timeout(300)  # the first test waits until the runs are trained
PHONE = {"viewport": {"width": 390, "height": 800}}
PAGES = ["/", f"/run/{REAL}", f"/run/{REAL}/answers", f"/run/{REAL}/answers?as=markdown", f"/run/{REAL}/files",
         f"/run/{LOST}", f"/run/{LOST}/answers", f"/run/{GOING}", f"/run/{GOING}/answers", f"/run/{GOING}/files", f"/run/{CUT}",
         f"/run/{STRANGE}", f"/run/{STRANGE}/answers", f"/run/{STRANGE}/answers?as=markdown",
         f"/compare?run={A}&run={B}", f"/compare?run={LAW}&run={A}", "/none", "empty"]  # fmt: skip
DARK_TOO = {
    "/",
    f"/run/{LOST}",
    f"/run/{STRANGE}/answers",
    f"/run/{STRANGE}/answers?as=markdown",
    f"/compare?run={A}&run={B}",
}


# ------------------------------------------------------------------------------- every page, seen once on a telephone


@dataclass(frozen=True)
class Visit:
    """What one look at a page found: pixels too wide, what went wrong, accessibility faults (None without axe)."""

    too_wide: int
    faults: list[str]
    inaccessible: list[str] | None


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str, sites: dict[str, str]) -> Iterator[Callable[[str], Visit]]:
    """Looks at each page once."""
    phone = watch(browser, address, **PHONE)
    if AXE.is_file():
        phone.page.context.add_init_script(
            AXE.read_text("utf-8")
        )  # the pages' policy keeps other scripts out
    seen: dict[str, Visit] = {}

    def look(path: str) -> Visit:
        if path not in seen:
            at = (sites[path], "/") if path in sites else (address, path)
            seen[path] = visited(phone, path, *at)
        return seen[path]

    yield look
    phone.page.context.close()


def visited(phone: Watched, page: str, address: str, path: str) -> Visit:
    if phone.host != urlsplit(address).netloc:
        phone.page.goto("about:blank")  # the page before must ask nothing more of its own host
    phone.host = urlsplit(address).netloc
    phone.faults.clear()
    opened(phone, address, path)
    if phone.page.locator("#pending").count():
        expect(phone.page.locator("#pending")).to_be_empty(timeout=30_000)
    too_wide = phone.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    inaccessible = None
    if AXE.is_file() and page in PAGES:
        inaccessible = serious_faults(phone, "{resultTypes: ['violations']}")
        if page in DARK_TOO:
            phone.page.emulate_media(color_scheme="dark")
            inaccessible += serious_faults(phone, "{runOnly: ['color-contrast']}")
            phone.page.emulate_media(color_scheme="light")
    faults = [fault for fault in phone.faults if not re.search(r"status of (404|409)", fault)]
    return Visit(too_wide, faults, inaccessible)


def serious_faults(watched: Watched, options: str) -> list[str]:
    found = watched.page.evaluate(f"axe.run(document, {options})")
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"] if v["impact"] in ("serious", "critical")]  # fmt: skip


@pytest.mark.parametrize("path", [*PAGES, "thousand"])
def test_every_page_fits_a_telephone_and_runs_clean(visit: Callable[[str], Visit], path: str) -> None:
    found = visit(path)
    assert (found.too_wide, found.faults) == (0, [])


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_serious_accessibility_fault(visit: Callable[[str], Visit], path: str) -> None:
    find_axe()
    assert visit(path).inaccessible == []


# ---------------------------------------------------------------------------------------------- curves of real runs


# what the picture of a chart is drawn from: {line: [[x, y], ...]}, without the places where a line has no point
DRAWN = """key => {
  const [x, ...ys] = document.querySelector(`[data-key="${key}"]`).card.drawn.data;
  const names = document.querySelector(`[data-key="${key}"]`).card.drawn.series.slice(1).map((one) => one.label);
  const points = (y) => [...x].map((at, i) => [at, y[i]]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(names.map((name, i) => [name, points(ys[i])]));
}"""


def recorded(events: Any, field: str) -> list[list[Any]]:
    """[step, value] as a chart has it: null where a value is not finite."""
    values = ((event["step"], to_float(event[field])) for event in events)
    return [[step, value if abs(value) < float("inf") else None] for step, value in values]


@pytest.mark.parametrize("run", [LAW, REAL, LOST, GOING])
def test_the_curves_show_the_numbers_of_the_events(
    watched: Watched, address: str, folder: Path, run: str
) -> None:
    opened(watched, address, f"/run/{run}")
    record = open_run(folder / run).record
    assert len(record.steps()) >= (1 if run == LOST else HELD_AFTER)
    for key, name, field in (
        ("loss", "train loss", "loss"), ("gradient", "gradient norm", "grad_norm"), ("rate", "learning rate", "learning_rate"),
    ):  # fmt: skip
        assert watched.page.evaluate(DRAWN, key)[name] == recorded(record.steps(), field)
    assert watched.page.evaluate(DRAWN, "loss")["held-out loss"] == recorded(record.held_out(), "loss")


def test_a_run_that_diverged_says_so_and_has_a_gap(watched: Watched, address: str, folder: Path) -> None:
    run = open_run(folder / LOST)
    last = run.record.steps()[-1]["step"]
    held_out = {event["step"]: event["loss"] for event in run.record.held_out()}
    assert (held_out[last], run.status) == ("NaN", "failed") and isinstance(held_out[last - 1], float)
    opened(watched, address, "/")
    row = watched.page.locator(f'tr[data-id="{LOST}"]')
    expect(row.locator(".status")).to_have_text("failed")
    row.get_by_role("link").click()
    expect(watched.page.locator("#part-about .status")).to_have_text("failed")
    about = watched.page.locator("#part-about").inner_text()
    assert f"step {last + 1}: loss" in about and "not finite" in about and "loralab resume" in about
    watched.page.wait_for_selector("#charts .u-over")
    card = watched.page.locator('[data-key="loss"]')
    expect(card.locator(".plot")).to_have_attribute(
        "aria-label", re.compile("held-out loss: .*no finite number")
    )
    assert watched.page.evaluate(SHADED, [last, last - 1]) == [True, False]


def test_a_step_without_a_number_is_told_as_such(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{DIVERGED}")
    card = watched.page.locator('[data-key="loss"]')
    expect(card.locator(".plot")).to_have_attribute("aria-label", re.compile("no finite number"))
    card.locator("summary").click()
    rows = card.locator("tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows if "NaN" in row.split("\t")[1]] == ["20", "21", "22", "49", "50"]
    assert watched.page.evaluate(SHADED, [21, 35]) == [True, False]


# whether the picture has the colour of a gap at the bottom of a step's place
SHADED = """steps => {
  const u = document.querySelector('[data-key="loss"]').card.drawn;
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [u.ctx.canvas.width, u.ctx.canvas.height];
  const ctx = copy.getContext("2d", {willReadFrequently: true});
  ctx.drawImage(u.ctx.canvas, 0, 0);
  return steps.map((step) => {
    const [r, , b] = ctx.getImageData(Math.round(u.valToPos(step, "x", true)) - 1, u.bbox.top + u.bbox.height - 3, 1, 1).data;
    return r - b > 60;
  });
}"""


def test_a_step_reaches_the_page_and_so_does_the_end(
    browser: Browser, tmp_path: Path, tiny_model: Path
) -> None:
    with (
        run_in_progress(tmp_path / "runs", tiny_model, 2) as (run, held),
        served(tmp_path / "runs") as address,
    ):
        found = watch(browser, address)
        opened(found, address, f"/run/{run.name}")
        expect(found.page.locator("#part-about .status")).to_have_text("running")
        expect(found.page.locator("#done")).to_have_text("2 of 8")
        held.go_on(3)
        expect(found.page.locator("#done")).to_have_text("3 of 8")
        assert open_run(run).status == "running"
        held.go_on(100)
        expect(found.page.locator("#part-about .status")).to_have_text("finished", timeout=60_000)
        expect(found.page.locator("#part-verdict")).not_to_be_empty()
        drawn = eventually(found, f"({DRAWN})('loss')['train loss']", lambda points: len(points) == 8)
        assert drawn == recorded(open_run(run).record.steps(), "loss")
        found.page.context.close()
    found.check()


def test_a_long_record_is_seen_at_once_and_then_whole(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "QUICK_BYTES", 1000)
    steps = Recipe(num_steps=2000).write(tmp_path / "0001-long").record.steps()
    whole: list[Route] = []
    with served(tmp_path) as address:
        found = watch(browser, address)
        found.page.route("**/curves?*", lambda route: whole.insert(0, route))  # is answered later
        found.page.goto(f"{address}/run/0001-long")
        told = found.page.locator("#first-look")
        expect(told).to_contain_text(re.compile(r"A first look: (39|40|41)\d steps"))
        expect(found.page.locator("#part-about .status")).to_have_text(
            "finished"
        )  # said at the end of the file
        first = found.page.evaluate(DRAWN, "loss")
        assert list(first) == ["train loss"], "a mean of some steps is none of the run"
        recorded_losses = recorded(steps, "loss")
        assert all(point in recorded_losses for point in first["train loss"])
        assert first["train loss"][0][0] <= 10 and first["train loss"][-1] == recorded_losses[-1]
        expect(found.page.locator("#charts")).to_have_attribute("aria-busy", "true")
        eventually(found, "0", lambda _: bool(whole))
        whole[0].continue_()
        expect(told).to_be_hidden()
        expect(found.page.locator("#charts")).to_have_attribute("aria-busy", "false")
        exact = found.page.evaluate(DRAWN, "loss")
        losses = [event["loss"] for event in steps]
        drawn = [y for _, y in exact["train loss"]]
        assert (min(drawn), max(drawn), len(exact)) == (min(losses), max(losses), 3)
        found.page.context.close()
    found.check()


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


# ---------------------------------------------------------------------------------------------- table, answers


def test_runs_are_ordered_found_and_compared(watched: Watched, address: str) -> None:
    opened(watched, address, "/")
    rows = watched.page.locator("#rows tr:visible")
    expect(rows).to_have_count(9)
    watched.page.get_by_role("button", name="steps").click()
    counts = [
        int(text.split()[0]) for text in watched.page.locator("#rows tr td:nth-child(7)").all_inner_texts()
    ]
    assert counts == sorted(counts, reverse=True)
    watched.page.get_by_label("Status").select_option("failed")
    expect(rows).to_have_count(2)
    watched.page.get_by_label("Status").select_option("running")
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


def test_a_thousand_runs_have_a_row_each(browser: Browser, sites: dict[str, str]) -> None:
    found = watch(browser, sites["thousand"])
    opened(found, sites["thousand"], "/")
    expect(found.page.locator("#rows tr")).to_have_count(1000, timeout=30_000)
    found.page.get_by_label("Search", exact=True).fill("model-3 99")
    expect(found.page.locator("#rows tr:visible")).to_have_count(
        sum("99" in f"{n:04d}" and n % 7 == 3 for n in range(1, 1001))
    )
    found.page.context.close()
    found.check()


def test_an_empty_folder_says_how_to_begin(browser: Browser, sites: dict[str, str]) -> None:
    found = watch(browser, sites["empty"])
    opened(found, sites["empty"], "/")
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


def test_hostile_answers_run_nothing_as_markdown(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{STRANGE}/answers")
    watched.page.locator("select[name=as]").select_option("markdown")
    watched.page.get_by_role("button", name="Show").click()
    answer = watched.page.locator('.asked >> nth=1 >> [data-stage="before"] .markdown')
    expect(answer.locator("p.heading")).to_have_text("heading")
    text = answer.inner_text()
    for written in (
        "<!-- hidden -->",
        "<script>alert(8)</script>",
        "![seen](https://evil.example/pixel.png)",
        "alert(10)",
    ):
        assert written in text
    links = watched.page.locator(".asked a")
    assert {link.get_attribute("rel") for link in links.all()} == {"noopener noreferrer"}
    hosts = {urlsplit(str(link.get_attribute("href"))).netloc for link in links.all()}
    assert hosts == {"evil.example", "plain.example"}
    assert watched.page.locator(".asked img, .asked script, .asked h1, .asked [style]").count() == 0
    assert watched.page.locator(".asked ins, .asked del").count() == 0, "words that differ are marked in text"
    expect(watched.page.locator('.asked >> nth=2 >> [data-stage="before"]')).to_contain_text("shown as text")


def test_a_chinese_reader_gets_chinese(watched: Watched, address: str) -> None:
    opened(watched, address, f"/run/{LAW}?lang=zh")
    assert watched.page.locator("#curves h2").inner_text() == "曲线"
    assert "训练" in watched.page.locator('[data-key="loss"] .legend').inner_text()
