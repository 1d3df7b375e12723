"""One real site for all journeys, and browsers that keep the pages of a journey that fails."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browsers import COUNT_VIOLATIONS, PHONE, WIDE
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


@pytest.fixture
def open_page(
    chromium: Browser, request: pytest.FixtureRequest, seeded: dict[str, Any]
) -> Iterator[OpenPage]:
    """A browser of somebody's own; nothing may be refused by the policy or fail in its scripts."""
    opened: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(viewport: dict[str, int] = WIDE, scheme: str = "light", **more: Any) -> Page:
        # with no motion nothing is measured half way from light to dark
        context = chromium.new_context(
            viewport=viewport, color_scheme=scheme, reduced_motion="reduce", **more
        )
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(COUNT_VIOLATIONS)
        page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: (
                troubles.append(f"{page.url}: {said.text}")
                if said.type == "error" and not _is_expected(said.text)
                else None
            ),
        )
        return page

    yield open_page
    failed = request.node.stash.get(_FAILED, True)
    for number, context in enumerate(opened):
        if failed:
            _keep(context, request.node.name, number)
        context.close()
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
def owner(open_page: OpenPage, site: Site) -> Staff:
    """Acme's owner, at a desk."""
    return Staff(open_page(), site.url)


@pytest.fixture
def stranger(open_page: OpenPage, site: Site) -> Staff:
    """Globex's owner."""
    return Staff(open_page(), site.url)


@pytest.fixture
def client(open_page: OpenPage, site: Site) -> PanelClient:
    """A client of Acme, with a phone."""
    return PanelClient(open_page(PHONE), site.url)
