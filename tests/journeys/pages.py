"""Every page of an area, found by following links, each seen as people and machines see it."""

from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browsers import WCAG
from tests.tenancy.routes import find_endpoint, list_rows

AXE = Axe()
ALL_RULES = {**WCAG, "resultTypes": ["violations"]}
CONTRAST = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
    "resultTypes": ["violations"],
}


def page_endpoints(area: str) -> set[str]:
    """Views of the area that answer a GET."""
    return {row.endpoint for row in list_rows() if row.method == "GET" and row.access.area == area}


def walk_pages(
    page: Page, starts: Collection[str], area: str, but: Collection[str]
) -> Iterator[str]:
    """Open one page of each view of the area, in the order their links are found."""
    gone = set(but).difference(*(page_endpoints(one) for one in ("office", "panel", "platform")))
    assert not gone, f"stale list: {sorted(gone)}"
    wanted = page_endpoints(area) - set(but)
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        address = waiting.pop(0)
        endpoint = find_endpoint(urlsplit(address).path, "GET")
        if endpoint in seen or endpoint not in wanted:
            continue
        seen.add(endpoint)
        page.goto(address)
        yield endpoint
        waiting += page.eval_on_selector_all("a[href]", "found => found.map(one => one.href)")
    left = wanted - seen
    assert not left, (
        f"no link leads to {sorted(left)}: link them, or name them in tests/journeys with a reason"
    )


def troubles_of(page: Page) -> list[str]:
    """What is wrong with the page as it stands."""
    found = []
    if not _was_looked_at(page, "light"):
        found += violations_of(page, ALL_RULES)
    return found + misfits_of(page)


def violations_of(page: Page, options: dict[str, Any]) -> list[str]:
    """What Axe finds, as one report; it is brought into a page once, for it is half a megabyte."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.axe_script)
    wrong = page.evaluate("wanted => axe.run(wanted).then(all => all.violations)", options)
    return [AxeResults({"violations": wrong}).generate_report()] if wrong else []


def misfits_of(page: Page) -> list[str]:
    """What the window's size can make wrong; all else is looked at once, in `troubles_of`."""
    found = []
    refused = page.evaluate("window.refused")
    if refused:
        found.append(f"refused by the policy: {refused}")
    if not _comes_to_fit(page):
        found.append("it scrolls sideways")
    return found


def _comes_to_fit(page: Page) -> bool:
    """A window that was just made narrower is laid out anew some frames later."""
    for _ in range(20):
        if page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            return True
        page.wait_for_timeout(100)
    return False


def troubles_in_the_dark(page: Page) -> list[str]:
    """The same page with the other colours, after `troubles_of`."""
    if _was_looked_at(page, "dark"):
        return []
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    found = violations_of(page, CONTRAST)
    page.emulate_media(color_scheme="light")
    return found


# Axe takes a second for a page: the same state of the same view is looked at once in a run of tests
_STATE = """() => [
  document.querySelector('#dialog[open] .dialog-body')?.parentElement.id ?? '',
  document.querySelector('#confirm[open]') ? 'asks' : '',
  document.querySelectorAll('.is-invalid, [data-error-summary]').length ? 'mistakes' : '',
  document.querySelectorAll('#main table tbody tr').length ? 'rows' : '',
  [...document.querySelectorAll('#main form')]
    .map(form => (form.getAttribute('action') ?? '').replace(/[0-9a-f-]{4,}/g, '')),
  document.documentElement.lang, innerWidth,
].join('|')"""
_looked_at: list[Path] = []


def remember_looks_in(folder: Path) -> None:
    """Where the processes of one run of tests tell each other what they have looked at."""
    folder.mkdir(exist_ok=True)
    _looked_at[:] = [folder]


def _was_looked_at(page: Page, scheme: str) -> bool:
    endpoint = find_endpoint(urlsplit(page.url).path, "GET") or page.url
    state = (endpoint, page.evaluate(_STATE), scheme)
    try:
        (_looked_at[0] / sha256(repr(state).encode()).hexdigest()).touch(exist_ok=False)
    except FileExistsError:
        return True
    return False
