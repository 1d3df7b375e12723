"""Real browsers and web servers for tests: one Chromium per process, one server per app."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

# the first is the same engine without the parts that draw windows: a new page costs it a third
PROGRAMS = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable",
)  # fmt: skip
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# only these are asked for: telling all that is right of a page takes as long as finding out
VIOLATIONS = {**WCAG, "resultTypes": ["violations"]}
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
COUNT_VIOLATIONS = """
window.refused = [];
document.addEventListener('securitypolicyviolation', e => refused.push(e.violatedDirective));
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The one browser of this process: a second one beside it would not start."""
    assert CHROMIUM, "journeys need Debian's browser, and there is none. As root: make chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


def violations_on(page: Page, options: Any = VIOLATIONS) -> str:
    """What keeps somebody from using the page as it stands; empty when everybody can."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        "options => axe.run(document, options).then(({violations}) => ({violations}))", options
    )
    return str(AxeResults(found).generate_report()) if found["violations"] else ""


class _Quietly(WSGIRequestHandler):
    """The app tells of its requests itself, and a page asks for forty files."""

    def log_request(self, *_said: object) -> None:
        pass


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an app on a free port of this machine; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quietly)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
