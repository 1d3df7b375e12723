"""One real site for all journeys, and browsers that keep the pages of a journey that fails."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browsers import COUNT_VIOLATIONS, PHONE, WIDE
from tests.journeys.pages import remember_looks_in
from tests.journeys.people import PanelClient, Staff
from tests.journeys.site import ROOT, Site, running_site

KEPT = ROOT / "var" / "journeys"


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    # not pytest's own folder: PostgreSQL runs as another user, to whom that one is closed
    folder = Path(tempfile.mkdtemp(prefix="portal-journeys-"))
    try:
        with running_site(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _looks(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    # each process has its own beneath that of the run
    is_one_of_several = "PYTEST_XDIST_WORKER" in os.environ
    remember_looks_in((folder.parent if is_one_of_several else folder) / "looked-at")


@pytest.fixture(scope="session")
def seeded(site: Site) -> dict[str, Any]:
    """Acme, ready to take cards, with one client; and Globex."""
    found: dict[str, Any] = json.loads(site.run("tests.journeys.seed").splitlines()[-1])
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Any:
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report


_FAILED = pytest.StashKey[bool]()

OpenPage = Callable[..., Page]


@dataclass
class Window:
    """A browser of somebody's own, and where its troubles are told."""

    context: BrowserContext
    page: Page
    troubles: list[str]


def _open_window(chromium: Browser, viewport: dict[str, int], scheme: str, more: Any) -> Window:
    # with no motion nothing is measured half way from light to dark
    context = chromium.new_context(
        viewport=viewport,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        **more,
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.add_init_script(COUNT_VIOLATIONS)
    window = Window(context, page, [])
    page.on("pageerror", lambda error: window.troubles.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda said: (
            window.troubles.append(f"{page.url}: {said.text}")
            if said.type == "error" and not _is_expected(said.text)
            else None
        ),
    )
    return window


@pytest.fixture
def open_page(
    chromium: Browser, request: pytest.FixtureRequest, seeded: dict[str, Any]
) -> Iterator[OpenPage]:
    """A browser of somebody's own; nothing may be refused by the policy or fail in its scripts."""
    opened: list[Window] = []

    def open_page(viewport: dict[str, int] = WIDE, scheme: str = "light", **more: Any) -> Page:
        opened.append(_open_window(chromium, viewport, scheme, more))
        return opened[-1].page

    yield open_page
    failed = request.node.stash.get(_FAILED, True)
    for number, window in enumerate(opened):
        if failed:
            _keep(window.context, request.node.name, number)
        window.context.close()
    troubles = [told for window in opened for told in window.troubles]
    assert troubles == [], troubles


@pytest.fixture(scope="session")
def _desks(chromium: Browser) -> Iterator[dict[str, Window]]:
    windows: dict[str, Window] = {}
    yield windows
    for window in windows.values():
        window.context.close()


@pytest.fixture
def at_desk(
    chromium: Browser,
    request: pytest.FixtureRequest,
    site: Site,
    seeded: dict[str, Any],
    _desks: dict[str, Window],
) -> Iterator[OpenPage]:
    """The window of somebody who stays signed in from one journey to the next.

    For those whose sign-in is not what the journey is about: it costs as much as five pages. After
    a journey that failed the desk is cleared, for nobody knows how it was left.
    """
    used: list[str] = []

    def at_desk(email: str) -> Page:
        window = _desks.get(email) or _open_window(chromium, WIDE, "light", {})
        _desks[email] = window
        used.append(email)
        window.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        return window.page

    yield at_desk
    failed = request.node.stash.get(_FAILED, True)
    troubles = []
    for number, email in enumerate(used):
        window = _desks[email]
        troubles += window.troubles
        if failed or window.troubles:
            _keep(window.context, f"{request.node.name}-desk", number)
            _desks.pop(email).context.close()
        else:
            # nothing is left on the table: no page asks for itself while others are at work
            window.page.goto(f"{site.url}/healthz")
    assert troubles == [], troubles


# Answers of 4xx are told on the page; Axe is kept out of the frame in which a mail is shown without
# any rights; and a part that was still being fetched when somebody left its page is given up.
_EXPECTED = (
    "the server responded with a status of 4",
    "frame is sandboxed",
    "htmx:sendAbort",
    "htmx:afterRequest",
)


def _is_expected(text: str) -> bool:
    return any(words in text for words in _EXPECTED)


def _keep(context: BrowserContext, name: str, number: int) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    for shown, page in enumerate(context.pages):
        kept = KEPT / f"{name}-{number}-{shown}"
        page.screenshot(path=kept.with_suffix(".png"))
        kept.with_suffix(".html").write_text(page.content())


@pytest.fixture
def owner(at_desk: OpenPage, site: Site) -> Staff:
    """Acme's owner, at a desk."""
    return Staff(at_desk("owner@acme.example"), site.url, "owner@acme.example")


@pytest.fixture
def admin(at_desk: OpenPage, site: Site) -> Staff:
    """The platform's own administrator, at a desk."""
    return Staff(at_desk("admin@platform.example"), site.url, "admin@platform.example")


@pytest.fixture
def stranger(open_page: OpenPage, site: Site) -> Staff:
    """Globex's owner."""
    return Staff(open_page(), site.url)


@pytest.fixture
def client(open_page: OpenPage, site: Site) -> PanelClient:
    """A client of Acme, with a phone."""
    return PanelClient(open_page(PHONE), site.url)
