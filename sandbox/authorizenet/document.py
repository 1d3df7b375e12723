"""The XML of the API, in and out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from sqlite3 import Row
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from sandbox.authorizenet.store import Store

NAMESPACE = "AnetApi/xml/v1/schema/AnetApiSchema.xsd"
_BOM = b"\xef\xbb\xbf"

Child = Element | str | None


class ApiError(Exception):
    """An answer whose result is Error and that has no content."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


def invalid(text: str) -> ApiError:
    """The request does not fit the schema."""
    return ApiError("E00003", text)


@dataclass
class Call:
    """One authenticated request, inside one transaction of the store."""

    store: Store
    merchant: Row
    request: Element
    name: str
    # Events to announce once the transaction is on disk.
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def text(self, path: str, default: str = "") -> str:
        """The stripped text at a path of the request."""
        return (self.request.findtext(path) or default).strip()

    def required(self, path: str) -> str:
        """The text at a path; an error if there is none."""
        text = self.text(path)
        if not text:
            raise invalid(f"The element '{path.rpartition('/')[2]}' is required.")
        return text

    def number(self, path: str) -> int:
        """A whole number at a path; an error if it is none."""
        text = self.required(path)
        if not text.isdigit():
            raise invalid(f"The '{path}' element is invalid - the value '{text}' is not numeric.")
        return int(text)

    def limited(self, path: str, longest: int) -> str:
        """Text that must not be longer than the schema allows."""
        text = self.text(path)
        if len(text) > longest:
            raise invalid(f"The '{path}' element is invalid - its length exceeds {longest}.")
        return text


def parse(body: bytes) -> Element | None:
    """The request without its namespace, or None if it is not XML of this API."""
    try:
        root = fromstring(body.removeprefix(_BOM))
    except (ParseError, ValueError, LookupError):
        return None
    prefix = f"{{{NAMESPACE}}}"
    if not root.tag.startswith(prefix):
        return None
    for element in root.iter():
        element.tag = element.tag.removeprefix(prefix)
    return root


def element(tag: str, *children: Child) -> Element:
    """An element with text or children; None is left out."""
    made = Element(tag)
    for child in children:
        if isinstance(child, str):
            made.text = (made.text or "") + child
        elif child is not None:
            made.append(child)
    return made


def optional(tag: str, text: str | int | None) -> Element | None:
    """An element, or nothing if there is no text."""
    return None if text in (None, "") else element(tag, str(text))


def amount_of(text: str) -> Decimal:
    """An amount of the request in whole cents, or a schema error."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise invalid(f"The 'amount' element is invalid - the value '{text}'.") from None
    if not amount.is_finite():
        raise invalid(f"The 'amount' element is invalid - the value '{text}'.")
    return amount.quantize(Decimal("0.01"))


def time_text(moment: float) -> str:
    """UTC, as the API writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parse_time(text: str) -> float:
    """A time of the request, in seconds since 1970, or a schema error."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"The value '{text}' is not a valid dateTime.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def messages(code: str, text: str, *, is_error: bool) -> Element:
    """The envelope's messages."""
    return element(
        "messages",
        element("resultCode", "Error" if is_error else "Ok"),
        element("message", element("code", code), element("text", text)),
    )


def encode(name: str, ref_id: str, children: Iterable[Element | None]) -> bytes:
    """A whole answer: UTF-8, with the byte order mark that the real one has."""
    root = element(name, optional("refId", ref_id), *children)
    root.set("xmlns", NAMESPACE)
    text: str = tostring(root, encoding="unicode")
    return _BOM + b'<?xml version="1.0" encoding="utf-8"?>' + text.encode()
