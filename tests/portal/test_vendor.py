"""Third-party files are what their list says, and every icon that is asked for is there."""

import hashlib
import re
from pathlib import Path

from portal import navigation

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static" / "vendor"


def listed() -> dict[Path, str]:
    pairs = [line.split() for line in (VENDOR / "SHA256SUMS").read_text().splitlines()]
    return {(VENDOR / name).resolve(): digest for digest, name in pairs}


def test_every_third_party_file_has_the_hash_that_was_recorded():
    found = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in listed()}
    assert found == listed()


def test_no_third_party_file_is_missing_from_the_list():
    own = {"SHA256SUMS", "README.md"}
    files = {path for path in VENDOR.rglob("*") if path.is_file() and path.name not in own}
    assert files <= set(listed())


def test_every_icon_that_is_asked_for_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/icons.svg").read_text()))
    asked = {e.icon for area in navigation.AREAS.values() for s in area for e in s.entries}
    for path in (ROOT / "templates").rglob("*.html"):
        asked |= set(re.findall(r'icon\("([a-z0-9-]+)"', path.read_text()))
    assert asked <= sprite
