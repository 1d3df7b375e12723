"""What tests read from the panel's pages."""

import re
from html import unescape

from werkzeug.test import TestResponse


def field(html: str, name: str) -> str:
    """The value of the first hidden input called `name`."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no hidden input {name}"
    return unescape(found[1])


def refill_fields(html: str, **more: str) -> dict[str, str]:
    """The refill form as it was drawn, with what a person chose."""
    return {"refill_id": field(html, "refill_id"), **more}


def words(response: TestResponse) -> str:
    """The text of a page on one line, without its markup."""
    body = re.sub(r"(?s)<(script|style|template)\b.*?</\1>", " ", response.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def form_action(response: TestResponse) -> str:
    """The form-action directive of the answer's policy."""
    policy = response.headers["Content-Security-Policy"]
    return next(part for part in policy.split("; ") if part.startswith("form-action"))
