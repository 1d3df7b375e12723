"""How a request reaches Authorize.net, and how sure we may be of what happened.

The SDK's own controllers are not used: they keep the endpoint in a class attribute shared by all
threads, have no timeout, and answer None for "refused", "dropped" and "502" alike.
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
from lxml import etree
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

NAMESPACE = "{AnetApi/xml/v1/schema/AnetApiSchema.xsd}"

# Connect, read. Reading waits long, because giving up early only makes outcomes unknown.
DEFAULT_TIMEOUT_S = (3.05, 45.0)
_BOM = b"\xef\xbb\xbf"
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml, application/xml"}


@dataclass(frozen=True)
class Delivered:
    """The gateway answered in its own format; `document` has no namespaces."""

    document: etree._Element


@dataclass(frozen=True)
class NotSent:
    """No byte of the request left: nothing can have happened."""

    reason: str


@dataclass(frozen=True)
class Unclear:
    """The request may have arrived and there is no readable answer."""

    reason: str


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
        with _session(1) as session:
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
                self._pooled = _session(self._pool_size)
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
            return _classify(error)
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


def _session(pool_size: int) -> requests.Session:
    session = requests.Session()
    # A proxy or .netrc of the environment has no business with card payments.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _classify(error: requests.RequestException) -> Delivery:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return NotSent("no connection")
    for cause in _causes(error):
        if isinstance(cause, NewConnectionError | ConnectTimeoutError):
            return NotSent("no connection")
        # The handshake comes before the request.
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotSent("certificate not trusted")
    if isinstance(error, requests.Timeout):
        return Unclear("no answer in time")
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return Unclear("connection lost")
    return Unclear(type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it wraps; urllib3 hides the reason in three different places."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
