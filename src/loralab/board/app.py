"""An index of runs in, the web application that shows them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import resources
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from loralab.board import pages, tables
from loralab.board.answers import VIEWS, Query, answer_page
from loralab.board.curves import AXES, Window, curves, first_look
from loralab.board.files import READ_AS_TEXT, find_file
from loralab.board.glance import glance, last_events
from loralab.board.guard import Guard
from loralab.board.index import RunIndex
from loralab.board.overlay import overlay
from loralab.board.stream import stream
from loralab.errors import UserError
from loralab.evaluate.comparison import Comparison, compare
from loralab.evaluate.side import make_sides
from loralab.run.events import Record
from loralab.run.folder import RunFolder
from loralab.run.numbers import to_float
from loralab.run.view import Run
from loralab.words import LANGUAGES, say

STATIC = {  # by name in addresses: the room whose file it is, and its media type
    "page.css": ("report", "text/css"), "compare_page.css": ("report", "text/css"), "board.css": ("board", "text/css"),
    "uPlot.min.css": ("board/vendor", "text/css"), "uPlot.min.js": ("board/vendor", "text/javascript"),
    "diff.min.js": ("board/vendor", "text/javascript"), "charts.js": ("board", "text/javascript"),
    "words.js": ("board", "text/javascript"), "runs.js": ("board", "text/javascript"),
    "run.js": ("board", "text/javascript"), "answers.js": ("board", "text/javascript"),
    "compare.js": ("board", "text/javascript"),
}  # fmt: skip
MOST_COMPARED = 8


def make_app(index: RunIndex, language: str = "en") -> Starlette:
    """The application. It only reads; `language` is that of who asks for no other."""
    board = Board(index, language)
    routes = [
        Route("/", board.runs), Route("/rows", board.rows), Route("/static/{name}", board.static),
        Route("/compare", board.compare), Route("/compare/curves", board.compare_curves),
        Route("/run/{run}", board.run), Route("/run/{run}/parts", board.parts), Route("/run/{run}/curves", board.curves),
        Route("/run/{run}/glance", board.glance),
        Route("/run/{run}/live", board.live), Route("/run/{run}/answers", board.answers),
        Route("/run/{run}/chart/{key}.svg", board.chart), Route("/run/{run}/steps.csv", board.steps),
        Route("/run/{run}/files", board.files), Route("/run/{run}/file/{path:path}", board.file),
    ]  # fmt: skip
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard)],
        exception_handlers={UserError: board.refused, 404: board.not_found},
    )


class Board:
    """The answers to requests; slow ones are made in threads, so that others go on."""

    def __init__(self, index: RunIndex, language: str) -> None:
        self._index, self._default = index, language

    async def runs(self, request: Request) -> Response:
        """The table of runs."""
        rows, pending = self._index.table()
        return self._page(
            request, pages.runs_page(rows, pending, self._index.folder, self._language(request))
        )

    async def rows(self, request: Request) -> Response:
        """The rows of that table, for a page that is open."""
        rows, pending = self._index.table()
        return JSONResponse(pages.table_rows(rows, pending, self._language(request)))

    async def static(self, request: Request) -> Response:
        """Our own scripts and styles, and those of the libraries that came with us."""
        name = request.path_params["name"]
        if name not in STATIC:
            return self._missing(request)
        room, media_type = STATIC[name]
        package, _, folder = room.partition("/")
        file = resources.files(f"loralab.{package}").joinpath(folder, name)
        return Response(file.read_bytes(), media_type=media_type)

    async def run(self, request: Request) -> Response:
        """The page of a run."""
        name, language = request.path_params["run"], self._language(request)
        if not self._index.opens_quickly(name):
            folder = RunFolder(self._index.folder / name)
            unread = Run(folder, Record(last_events(folder.events)))
            return self._page(request, pages.run_page_to_fill(unread, language))
        found = await self._open(request)
        if found is None:
            return self._missing(request)
        return self._page(request, await run_in_threadpool(pages.run_page, found, language))

    async def parts(self, request: Request) -> Response:
        """The parts of that page, for one that is open."""
        found = await self._open(request)
        if found is None:
            return self._missing(request)
        return JSONResponse(await run_in_threadpool(pages.run_parts, found, self._language(request)))

    async def curves(self, request: Request) -> Response:
        """The curves of a run, or of a part of it."""
        found = await self._open(request)
        if found is None:
            return self._missing(request)
        asked, language = _window(request), self._language(request)
        made = await run_in_threadpool(curves, found.record, asked, language)
        return JSONResponse(made)

    async def glance(self, request: Request) -> Response:
        """The curves of a few steps of a run, for a page that waits for its record to be read."""
        events = self._index.events_of(request.path_params["run"])
        if events is None:
            return self._missing(request)
        steps = await run_in_threadpool(glance, events)
        axis, language = _window(request).axis, self._language(request)
        return JSONResponse(await run_in_threadpool(first_look, steps, axis, language))

    async def live(self, request: Request) -> Response:
        """What happens in a run, as server-sent events."""
        if await self._open(request) is None:
            return self._missing(request)
        events = stream(self._index, request.path_params["run"], self._language(request))
        return StreamingResponse(events, media_type="text/event-stream")

    async def answers(self, request: Request) -> Response:
        """The answers of a run side by side."""
        found, language = await self._open(request), self._language(request)
        if found is None:
            return self._missing(request)
        query = _query(request)
        shown = await run_in_threadpool(answer_page, found, query)
        return self._page(request, await run_in_threadpool(pages.answers_page, found, query, shown, language))

    async def chart(self, request: Request) -> Response:
        """One figure of a run's report as a picture of its own."""
        found = await self._open(request)
        picture = await run_in_threadpool(tables.chart_svg, found, request.path_params["key"], self._language(request)) if found else ""  # fmt: skip
        return Response(picture, media_type="image/svg+xml") if picture else self._missing(request)

    async def steps(self, request: Request) -> Response:
        """Every step of a run as CSV."""
        found = await self._open(request)
        if found is None:
            return self._missing(request)
        return StreamingResponse(tables.steps_csv(found.record), media_type="text/csv")

    async def files(self, request: Request) -> Response:
        """The files of a run."""
        found = await self._open(request)
        if found is None:
            return self._missing(request)
        return self._page(request, await run_in_threadpool(pages.files_page, found, self._language(request)))

    async def file(self, request: Request) -> Response:
        """One file: as text, so that nothing in it is run, or to be saved."""
        found = await self._open(request)
        path = find_file(found.folder.path, request.path_params["path"]) if found else None
        if path is None:
            return self._missing(request)
        if path.suffix in READ_AS_TEXT:
            return FileResponse(path, media_type="text/plain; charset=utf-8")
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    async def compare(self, request: Request) -> Response:
        """Two to eight runs beside each other."""
        language, names = self._language(request), request.query_params.getlist("run")
        anyway = "anyway" in request.query_params
        found = await self._open_all(names)
        if found is None:
            return self._missing(request)
        if not 2 <= len(found) <= MOST_COMPARED:
            sentence = say("Choose two to {most} runs in the table.", most=MOST_COMPARED).text(language)
            return self._page(request, pages.message_page(say("Comparison"), [sentence], {}, language), 400)
        try:
            compared = await run_in_threadpool(_compare, found, anyway)
        except UserError as error:
            again = f"/compare?{'&'.join(f'run={quote(name)}' for name in names)}&anyway=1"
            links = {} if anyway else {again: say("Compare them anyway, marked as unlike").text(language)}
            page = pages.message_page(say("These runs cannot be compared"), error.text(language).splitlines(), links, language)  # fmt: skip
            return self._page(request, page, 409)
        return self._page(request, await run_in_threadpool(pages.compared_page, compared, names, language))

    async def compare_curves(self, request: Request) -> Response:
        """Their losses over each other."""
        names = request.query_params.getlist("run")[:MOST_COMPARED]
        found = await self._open_all(names)
        if found is None:
            return self._missing(request)
        axis, language = request.query_params.get("axis", "tokens"), self._language(request)
        return JSONResponse(
            await run_in_threadpool(overlay, list(zip(names, found, strict=True)), axis, language)
        )

    async def refused(self, request: Request, error: Exception) -> Response:
        """A run that cannot be read, such as one of a newer version."""
        assert isinstance(error, UserError)
        language = self._language(request)
        page = pages.message_page(
            say("This cannot be shown"), error.text(language).splitlines(), {}, language
        )
        return self._page(request, page, 422)

    async def not_found(self, request: Request, _: Exception) -> Response:
        """An address that no page has."""
        return self._missing(request)

    def _missing(self, request: Request) -> Response:
        language = self._language(request)
        sentence = say("There is no such page or run.").text(language)
        return self._page(request, pages.message_page(say("Not found"), [sentence], {}, language), 404)

    async def _open(self, request: Request) -> Run | None:
        return await run_in_threadpool(self._index.open, request.path_params["run"])

    async def _open_all(self, names: Sequence[str]) -> list[Run] | None:
        found = [await run_in_threadpool(self._index.open, name) for name in names]
        return None if None in found else [run for run in found if run]

    def _language(self, request: Request) -> str:
        """The one asked for in the address, else the last one asked for, else that of the command."""
        asked = (request.query_params.get("lang"), request.cookies.get("lang"))
        return next((name for name in asked if name in LANGUAGES), self._default)

    def _page(self, request: Request, html: str, status: int = 200) -> Response:
        response = HTMLResponse(html, status)
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie("lang", request.query_params["lang"], httponly=True, samesite="strict")
        return response


def _compare(runs: Sequence[Run], anyway: bool) -> Comparison:
    return compare(make_sides([(run, "after") for run in runs]), anyway)


def _query(request: Request) -> Query:
    """The answers that the address asks for; what is no page or view is not asked for."""
    asked = request.query_params
    page, view = asked.get("page", "1"), asked.get("as", "text")
    return Query(
        asked.get("words", ""), asked.get("show", "all"), asked.get("metric", ""),
        int(page) if page.isdecimal() and len(page) < 9 else 1, view if view in VIEWS else "text",
    )  # fmt: skip


def _window(request: Request) -> Window:
    """What the address asks for; what is no number is not asked for."""
    asked = request.query_params
    axis = asked.get("axis", "step")
    low, high = to_float(asked.get("low")), to_float(asked.get("high"))
    return Window(
        axis if axis in AXES else "step",
        -math.inf if math.isnan(low) else low,
        math.inf if math.isnan(high) else high,
    )
