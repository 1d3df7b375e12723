"""Takes the README's pictures from the demo of a running `make run`.

    make run            # in another terminal, and wait until its invoices are made
    .venv/bin/python docs/take_pictures.py

Chromium is found as the browser tests find it. Fonts for Chinese, Japanese and Korean (on Debian
`fonts-noto-cjk`) keep names in these scripts from being shown as boxes.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 300_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK = ViewportSize(width=1540, height=860)
PHONE = ViewportSize(width=390, height=844)


@dataclass(frozen=True, slots=True)
class Picture:
    """One page of one person; `prepare` brings the page into the state to be shown."""

    name: str
    area: str
    user: str
    path: str
    viewport: ViewportSize
    prepare: Callable[[Page], None] = lambda page: None


PICTURES = (
    Picture("office", "office", "owner@mirador.example", "/office/clients/?sort=-name", DESK),
    Picture("panel", "panel", "alder", "/clients/", PHONE),
    Picture("platform", "platform", "admin@platform.example", "/platform/", DESK),
)


def main() -> None:
    """Take them all; ends with a message when the demo does not run."""
    command = [sys.executable, "-m", "portal.cli", "demo", "--json"]
    answer = subprocess.run(  # noqa: S603 (our own program)
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        sys.exit(f"The demo does not run here (make run): {answer.stderr.strip()}")
    facts = json.loads(answer.stdout)
    passwords = {one["user"]: one["password"] for one in facts["logins"]}
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        sys.exit("There is no Chromium: make chromium")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--font-render-hinting=none"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for picture in PICTURES:
            _take(browser, picture, facts["urls"], passwords[picture.user])
        browser.close()


def _take(browser: Browser, picture: Picture, urls: Mapping[str, str], password: str) -> None:
    context = browser.new_context(
        viewport=picture.viewport,
        device_scale_factor=2 if picture.viewport is PHONE else 1,
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(urls[picture.area])
    page.locator("[name=login], [name=email]").fill(picture.user)
    page.locator("[name=password]").fill(password)
    page.locator("form button[type=submit]").first.click()
    page.wait_for_load_state("networkidle")
    base = urls["office"].removesuffix("/login")
    page.goto(base + picture.path)
    page.wait_for_load_state("networkidle")
    picture.prepare(page)
    target = IMAGES / f"{picture.name}.png"
    page.screenshot(path=target)
    context.close()
    size = target.stat().st_size
    if size > LARGEST_BYTES:
        sys.exit(f"{target.name} has {size} bytes: more than {LARGEST_BYTES}")
    sys.stdout.write(f"{target.relative_to(ROOT)}: {size} bytes\n")


if __name__ == "__main__":
    main()
