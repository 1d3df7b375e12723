"""Connections to a gateway, and how sure we may be of what happened when one breaks."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


@dataclass(frozen=True)
class NotSent:
    """No byte of the request left: nothing can have happened."""

    reason: str


@dataclass(frozen=True)
class Unclear:
    """The request may have arrived and there is no readable answer."""

    reason: str


def make_session(pool_size: int) -> requests.Session:
    """Connections that try nothing again by themselves and take nothing from the environment."""
    session = requests.Session()
    # A proxy or .netrc of the environment has no business with card payments.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def classify(error: requests.RequestException) -> NotSent | Unclear:
    """Whether the request certainly did not leave."""
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
