"""A Chromium of this machine, and pages in it that note everything that goes wrong."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
NEEDED = os.environ.get("LORALAB_NEED_BROWSER") == "1"  # set where these tests must not be left out
AXE = Path(os.environ.get("LORALAB_AXE") or Path(__file__).parents[2] / ".venv" / "axe.min.js")


def find_chromium() -> str:
    """The program; skips the test where there is none, unless it must not be skipped."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        assert not NEEDED, "LORALAB_NEED_BROWSER is set, and there is no Chromium"
        pytest.skip("pages in a browser: no Chromium on this machine (apt install chromium)")
    return found


def find_axe() -> str:
    """The script of axe-core; skips the test where it is not installed, unless it must not be skipped."""
    if not AXE.is_file():
        assert not NEEDED, f"LORALAB_NEED_BROWSER is set, and {AXE} is not there"
        pytest.skip("accessibility: axe-core is not installed (make axe, needs npm)")
    return AXE.read_text("utf-8")


@dataclass
class Watched:
    """A page, and what it did that it should not."""

    page: Page
    host: str
    faults: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Fail if anything went wrong so far."""
        assert self.faults == []


def watch(browser: Browser, address: str, **context: object) -> Watched:
    """A new page that notes errors, dialogs and requests to other hosts."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    watched = Watched(page, urlsplit(address).netloc)
    page.on(
        "console",
        lambda m: watched.faults.append(f"console: {m.text}") if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: watched.faults.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (watched.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: _note_host(watched, request.url))
    return watched


def _note_host(watched: Watched, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("data", "blob") and parts.netloc != watched.host:
        watched.faults.append(f"request: {url}")


def opened(watched: Watched, address: str, path: str) -> None:
    """Go there, and wait until everything that the page asks for is drawn."""
    watched.page.goto(address + path)
    watched.page.wait_for_load_state("load")
    if watched.page.locator("#charts").count():
        watched.page.wait_for_selector("#charts:not([aria-busy=true]) .u-over, #no-steps:not([hidden])")
