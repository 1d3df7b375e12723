"""Answers as a person could read or compare them."""

import csv
import io
import re
from collections.abc import Iterable

from pypdf import PdfReader
from werkzeug.test import TestResponse

REQUEST_ID = "the-same-request-for-both"
_FORM_SECRETS = (
    re.compile(rb'(<meta name="csrf-token" content=")[^"]*'),
    re.compile(rb'(name="csrf_token"[^>]* value=")[^"]*'),
    re.compile(rb"(id=\"csrf_token\"[^>]* value=\")[^\"]*"),
)
# made by the clock or by chance, or following from the body
_VARYING_HEADERS = {"date", "set-cookie", "content-length"}


def body_of(response: TestResponse) -> bytes:
    """The body without the form secrets that are new on every page."""
    body = response.get_data()
    for pattern in _FORM_SECRETS:
        body = pattern.sub(rb"\1", body)
    return body


def shown(response: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that tells one answer from another."""
    headers = sorted(
        (name.lower(), value)
        for name, value in response.headers
        if name.lower() not in _VARYING_HEADERS
    )
    return response.status_code, headers, body_of(response)


def text_of(response: TestResponse) -> str:
    """Whatever a person, a spreadsheet or a PDF reader would find in the answer."""
    head = "\n".join(f"{name}: {value}" for name, value in response.headers)
    return head + "\n" + text_of_file(response.mimetype or "", response.get_data())


def text_of_file(media_type: str, content: bytes) -> str:
    if media_type == "application/pdf":
        reader = PdfReader(io.BytesIO(content))
        properties = " ".join(str(value) for value in (reader.metadata or {}).values())
        return properties + "\n" + "\n".join(page.extract_text() for page in reader.pages)
    text = content.decode("utf-8", "replace")
    if media_type == "text/csv":
        return "\n".join(" ".join(row) for row in csv.reader(io.StringIO(text)))
    return text


def found_tokens(text: str, tokens: Iterable[str]) -> list[str]:
    """Which of the tokens can be read, also where a PDF or a page has broken the line."""
    plain = re.sub(r"\s+", "", text).lower()
    return [token for token in tokens if re.sub(r"\s+", "", token).lower() in plain]
