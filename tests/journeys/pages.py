"""Every page of an area, found by following links, each seen as people and machines see it."""

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browsers import WCAG
from tests.tenancy.routes import find_endpoint, list_rows

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
        axe = Axe().run(page, options=ALL_RULES)
        if axe.violations_count:
            found.append(axe.generate_report())
    return found + misfits_of(page)


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
    axe = Axe().run(page, options=CONTRAST)
    page.emulate_media(color_scheme="light")
    return [axe.generate_report()] if axe.violations_count else []


# Axe takes a second for a page: the same state of the same view is looked at once per process
_STATE = """() => [
  document.querySelector('#dialog[open] .dialog-body')?.parentElement.id ?? '',
  document.querySelector('#confirm[open]') ? 'asks' : '',
  document.querySelectorAll('.is-invalid, [data-error-summary]').length ? 'mistakes' : '',
  document.querySelectorAll('#main table tbody tr').length ? 'rows' : '',
  [...document.querySelectorAll('#main form')]
    .map(form => (form.getAttribute('action') ?? '').replace(/[0-9a-f-]{4,}/g, '')),
  document.documentElement.lang, innerWidth,
].join('|')"""
_looked_at: set[tuple[str, str, str]] = set()


def _was_looked_at(page: Page, scheme: str) -> bool:
    endpoint = find_endpoint(urlsplit(page.url).path, "GET") or page.url
    state = (endpoint, str(page.evaluate(_STATE)), scheme)
    known = state in _looked_at
    _looked_at.add(state)
    return known
