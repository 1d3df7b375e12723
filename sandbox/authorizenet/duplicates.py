"""The duplicate window: the same request again within it is not processed.

Source: support.authorize.net "Error 11". The window itself is one of the fields compared; only a
request that names its window is told which transaction was the first.
"""

import hashlib
import json
from collections.abc import Sequence
from sqlite3 import Row
from xml.etree.ElementTree import Element

from sandbox.authorizenet.document import invalid
from sandbox.authorizenet.store import Store

DEFAULT_WINDOW_S = 120
LONGEST_WINDOW_S = 28_800


def read_settings(request: Element, path: str) -> dict[str, str]:
    """Names and values of an ArrayOfSetting."""
    return {
        (setting.findtext("settingName") or ""): (setting.findtext("settingValue") or "")
        for setting in request.findall(f"{path}/setting")
    }


def read_window(settings: dict[str, str]) -> int | None:
    """The duplicate window in seconds, None if the request has none."""
    text = settings.get("duplicateWindow")
    if text is None:
        return None
    if not text.isdigit() or int(text) > LONGEST_WINDOW_S:
        raise invalid("The value of duplicateWindow is not between 0 and 28800.")
    return int(text)


def fingerprint_of(fields: Sequence[object], window_s: int | None) -> str:
    """One value for all fields that must be equal."""
    whole = [*fields, DEFAULT_WINDOW_S if window_s is None else window_s]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def find_original(store: Store, fingerprint: str, window_s: int | None) -> Row | None:
    """The transaction that makes this one a duplicate."""
    seconds = DEFAULT_WINDOW_S if window_s is None else window_s
    if seconds == 0:
        return None
    return store.one(
        "SELECT * FROM transactions WHERE fingerprint = ? AND submitted_at > ?"
        " ORDER BY id DESC LIMIT 1",
        fingerprint, store.now() - seconds,
    )  # fmt: skip
