"""How the library's requests reach Stripe, and how sure we may be of what happened.

The library would send a request up to three times by itself; here it is sent once, for the charge's
own state machine decides what follows.
"""

from collections.abc import Callable, Mapping
from typing import Any

import requests
import stripe

from payments.gateways.connections import NotSent, classify, make_session

# Connect, read. Reading waits long, because giving up early only makes outcomes unknown.
DEFAULT_TIMEOUT_S = (3.05, 45.0)
_POOL_SIZE = 8

# Nobody needs to know how long our requests take.
stripe.enable_telemetry = False


class NotSentError(Exception):
    """No byte of the request left: nothing can have happened."""


class UnclearError(Exception):
    """The request may have arrived and there is no readable answer."""


class Wire(stripe.HTTPClient):
    """Carries the library's requests. `before_send` is asked right before the first byte leaves."""

    name = "requests"

    def __init__(
        self,
        timeout_s: tuple[float, float],
        *,
        is_fresh: bool = False,
        before_send: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._before_send = before_send
        self._is_fresh = is_fresh
        self._connections = make_session(1 if is_fresh else _POOL_SIZE)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401 (the library's signature)
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Send once; raises NotSentError and UnclearError.

        A question is asked once more when the connection broke: a kept one may have been closed.
        """
        if self._before_send is not None and not self._before_send():
            raise NotSentError("withdrawn before sending")
        try:
            return self._send(method, url, headers, post_data)
        except UnclearError as error:
            if self._is_fresh or method.lower() != "get" or str(error) != "connection lost":
                raise
            return self._send(method, url, headers, post_data)

    def close(self) -> None:
        """Drop the kept connections."""
        self._connections.close()

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any,  # noqa: ANN401 (the library's signature)
    ) -> tuple[bytes, int, Mapping[str, str]]:
        sent = dict(headers or {})
        if self._is_fresh:
            # a stale kept connection would break in a way that must count as unclear
            sent["Connection"] = "close"
        try:
            response = self._connections.request(
                method,
                url,
                headers=sent,
                data=post_data,
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            trouble = classify(error)
            if isinstance(trouble, NotSent):
                raise NotSentError(trouble.reason) from None
            raise UnclearError(trouble.reason) from None
        return response.content, response.status_code, response.headers
