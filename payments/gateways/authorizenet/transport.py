"""How a request reaches Authorize.net, and how sure we may be of what happened.

The SDK's own controllers are not used: they keep the endpoint in a class attribute shared by all
threads, have no timeout, and answer None for "refused", "dropped" and "502" alike.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import requests
from lxml import etree

from payments.gateways.connections import NotSent, Unclear, classify, make_session

NAMESPACE = "{AnetApi/xml/v1/schema/AnetApiSchema.xsd}"

# Connect, read. Reading waits long, because giving up early only makes outcomes unknown.
DEFAULT_TIMEOUT_S = (3.05, 45.0)
_BOM = b"\xef\xbb\xbf"
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml, application/xml"}


@dataclass(frozen=True)
class Delivered:
    """The gateway answered in its own format; `document` has no namespaces."""

    document: etree._Element


Delivery = Delivered | NotSent | Unclear


class Transport:
    """Posts XML documents to one endpoint. Safe to use from several threads."""

    def __init__(
        self, api_url: str, timeout_s: tuple[float, float] = DEFAULT_TIMEOUT_S, pool_size: int = 8
    ) -> None:
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._pool_size = pool_size
        self._pooled: requests.Session | None = None
        self._lock = threading.Lock()

    def read(self, body: bytes) -> Delivery:
        """Post what moves no money, on a kept connection.

        Asked once more when the connection broke: a kept one may have been closed meanwhile.
        """
        session = self._pooled_session()
        delivery = self._post(session, body)
        if isinstance(delivery, Unclear) and delivery.reason == "connection lost":
            return self._post(session, body)
        return delivery

    def send(self, body: bytes, before_send: Callable[[], bool] | None) -> Delivery:
        """Post what moves money: once, on a fresh connection.

        A stale kept connection would break in a way that must count as unclear.
        """
        with make_session(1) as session:
            session.headers["Connection"] = "close"
            if before_send is not None and not before_send():
                return NotSent("withdrawn before sending")
            return self._post(session, body)

    def close(self) -> None:
        """Drop the kept connections."""
        with self._lock:
            session, self._pooled = self._pooled, None
        if session is not None:
            session.close()

    def _pooled_session(self) -> requests.Session:
        with self._lock:
            if self._pooled is None:
                self._pooled = make_session(self._pool_size)
            return self._pooled

    def _post(self, session: requests.Session, body: bytes) -> Delivery:
        try:
            response = session.post(
                self._api_url,
                data=body,
                headers=_HEADERS,
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return classify(error)
        if response.status_code != requests.codes.ok:
            return Unclear(f"HTTP {response.status_code}")
        document = parse(response.content)
        return Unclear("unreadable answer") if document is None else Delivered(document)


def parse(content: bytes) -> etree._Element | None:
    """The answer without its namespaces, or None if it is not an XML document.

    Reads the bytes themselves, so UTF-8 survives; a byte order mark may be there or not.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
    )
    try:
        root = etree.fromstring(content.removeprefix(_BOM), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root is None or not str(root.tag).startswith(NAMESPACE):
        return None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.removeprefix(NAMESPACE)
    return root
