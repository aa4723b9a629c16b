"""Every page answers, what is not there is not found, and nothing but reading from this machine is let through."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from doubles.board_runs import CUT, DIVERGED, HOSTILE, LAW, STRANGE
from doubles.made_run import STAGES, Recipe
from loralab.board import RunIndex, make_app
from loralab.board.app import STATIC
from loralab.run.view import open_run

PAGES = (
    "/",
    *(
        f"/run/{run}{page}"
        for run in (LAW, DIVERGED, CUT, STRANGE)
        for page in ("", "/answers", "/answers?as=markdown", "/files")
    ),
)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_in_both_languages(client: TestClient, page: str, language: str) -> None:
    answer = client.get(f"{page}{'&' if '?' in page else '?'}lang={language}")
    assert answer.status_code == 200
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in answer.text


def test_the_language_is_kept(client: TestClient) -> None:
    client.get("/?lang=zh")
    assert "看板" in client.get(f"/run/{LAW}").text


@pytest.mark.parametrize("name", sorted(STATIC))
def test_every_file_that_pages_name_is_there(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, STATIC[name][1])


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_no_other_host_and_no_file_that_is_not_there(client: TestClient, page: str) -> None:
    html = client.get(page).text
    addresses = re.findall(r'<(?:script|link|img|iframe|form)\b[^>]*?(?:src|href|action)="([^"]*)"', html)
    assert addresses
    for address in addresses:
        assert address == "data:," or client.get(address).status_code == 200, address
    assert not re.search(r"<script(?![^>]*\bsrc=)", html), "no script stands in the page itself"
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", html)


@pytest.mark.parametrize(
    "address",
    ["/run/0009-none", f"/run/{LAW}/nothing", "/run/%2e%2e",
     f"/run/{LAW}/file/%2e%2e/0002-diverged/manifest.json", f"/run/{LAW}/file//etc/passwd", f"/run/{LAW}/file/none",
     f"/run/{LAW}/chart/none.svg", "/static/app.py", "/static/..%2fapp.py", "/compare?run=0009-none&run=0001-law"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    run = Recipe(num_steps=1).write(tmp_path / "runs" / "0001-a")
    (tmp_path / "secret.txt").write_text("secret")
    (run.folder.path / "link.txt").symlink_to(tmp_path / "secret.txt")
    (run.folder.path / "folder").symlink_to(tmp_path)
    with TestClient(make_app(RunIndex(tmp_path / "runs")), base_url="http://localhost") as client:
        assert "secret" not in client.get("/run/0001-a/files").text
        assert "link.txt" not in client.get("/run/0001-a/files").text
        for path in ("link.txt", "folder/secret.txt"):
            assert client.get(f"/run/0001-a/file/{path}").status_code == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil", ""]
)
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert (answer.status_code, "0001" in answer.text) == (403, False)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:8765", "[::1]:8765"])
def test_this_machine_is_let_in(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_reads(client: TestClient, method: str) -> None:
    assert client.request(method, f"/run/{LAW}").status_code == 405


@pytest.mark.parametrize(
    "address", ["/", f"/run/{LAW}", "/run/none", f"/run/{LAW}/curves", f"/run/{LAW}/file/log.txt"]
)
def test_every_answer_says_what_a_browser_may_do(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "page",
    [f"/run/{STRANGE}{page}" for page in ("", "/answers", "/answers?as=markdown", "/parts")],
)
def test_hostile_texts_are_text(client: TestClient, page: str) -> None:
    text = client.get(page).text
    if page.endswith("parts"):
        text = "".join(client.get(page).json().values())
    assert "<script>alert" not in text and "<img src=x" not in text
    assert "\x1b" not in text and "\u202e" not in text


def test_hostile_answers_are_shown_whole(client: TestClient) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(f"/run/{STRANGE}/answers").text
    assert "alert(3)" in HOSTILE


def test_answers_are_text_unless_asked_for_as_markdown(client: TestClient) -> None:
    for asked, is_markdown in (("", False), ("?as=text", False), ("?as=html", False), ("?as=markdown", True)):
        page = client.get(f"/run/{STRANGE}/answers{asked}").text
        assert ('<p class="heading">heading</p>' in page) == is_markdown
        assert ("answers.js" in page) != is_markdown, "differing words are marked in text only"


def test_an_answer_too_deep_for_markdown_is_shown_as_text(client: TestClient) -> None:
    page = client.get(f"/run/{STRANGE}/answers?as=markdown").text
    assert "&gt; &gt; &gt;" in page and page.count("Markdown would leave out") == len(STAGES)


def test_files_are_text_or_downloads(client: TestClient, runs: Path) -> None:
    page = runs / LAW / "report.html"
    page.write_text("<script>alert(1)</script>")
    answer = client.get(f"/run/{LAW}/file/report.html")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "attachment" in answer.headers["content-disposition"]
    assert client.get(f"/run/{LAW}/file/manifest.json").headers["content-type"].startswith("text/plain")
    page.unlink()


def test_the_csv_has_every_step_with_all_its_digits(client: TestClient, runs: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get(f"/run/{DIVERGED}/steps.csv").text)))
    steps = open_run(runs / DIVERGED).record.steps()
    assert [int(row["step"]) for row in rows] == [event["step"] for event in steps]
    assert [row["loss"] for row in rows] == [str(float(event["loss"])) for event in steps]


def test_a_figure_is_a_picture_of_its_own(client: TestClient) -> None:
    answer = client.get(f"/run/{LAW}/chart/loss.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "<style>" in answer.text


def test_a_comparison_of_unlike_runs_is_refused_with_the_way_on(client: TestClient) -> None:
    answer = client.get("/compare", params=[("run", LAW), ("run", CUT)])
    assert answer.status_code == 409
    assert f"/compare?run={LAW}&amp;run={CUT}&amp;anyway=1" in answer.text


@pytest.mark.parametrize("names", [[], [LAW], [LAW] * 9])
def test_a_comparison_needs_two_to_eight_runs(client: TestClient, names: list[str]) -> None:
    assert client.get("/compare", params=[("run", name) for name in names]).status_code == 400


def test_a_run_of_a_newer_version_is_said_to_be_one(tmp_path: Path) -> None:
    Recipe(num_steps=1, manifest={"format": 99}).write_files(tmp_path / "runs" / "0001-a")
    index = RunIndex(tmp_path / "runs")
    index.look()
    with TestClient(make_app(index), base_url="http://localhost") as client:
        assert "newer loralab" in client.get("/").text
        answer = client.get("/run/0001-a")
        assert (answer.status_code, "newer loralab" in answer.text) == (422, True)


def test_an_empty_folder_says_how_to_make_a_run(tmp_path: Path) -> None:
    with TestClient(make_app(RunIndex(tmp_path)), base_url="http://localhost") as client:
        assert "loralab demo" in client.get("/").text
