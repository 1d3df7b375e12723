"""Signed events: kept in the database, delivered by a background thread, tried again.

The header is `Stripe-Signature: t=<seconds>,v1=<hex>` with HMAC-SHA256 of `<seconds>.<body>`; while
an endpoint's secret is being rolled there is one `v1` for each secret.
"""

import hashlib
import hmac
import http.client
import json
import threading
from dataclasses import dataclass
from sqlite3 import Row
from urllib.parse import urlsplit

from sandbox.stripe.store import Json, Store

# Seconds until the next try.
RETRIES_S = (1, 2, 4, 8, 15, 30, 60, 60, 60)
_TIMEOUT_S = 10


@dataclass
class Manners:
    """How deliveries misbehave; changed by the control API."""

    is_on: bool = True
    repeat: int = 1
    delay_s: float = 0.0
    newest_first: bool = False
    wrong_signature: bool = False


def announce(store: Store, account: str, event_type: str, about: Json) -> None:
    """Keep an event and put it in line for every endpoint of the account; same transaction."""
    snapshot = {name: value for name, value in about.items() if not name.startswith("_")}
    event = store.add(
        account, "evt", "event",
        {"type": event_type, "api_version": None, "data": {"object": snapshot},
         "pending_webhooks": 0, "request": {"id": None, "idempotency_key": None}},
    )  # fmt: skip
    for endpoint in store.all("SELECT id FROM endpoints WHERE account = ?", account):
        store.run(
            "INSERT INTO deliveries (endpoint, event_id, event_type, body, due_at)"
            " VALUES (?, ?, ?, ?, ?)",
            endpoint["id"], event["id"], event_type, json.dumps(event), store.now(),
        )  # fmt: skip


def signature_of(secrets: list[str], body: bytes, seconds: int) -> str:
    """The value of the signature header."""
    signed = f"{seconds}.".encode() + body
    marks = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={seconds}", *(f"v1={mark}" for mark in marks)])


class Deliverer:
    """Sends what is due, one at a time, until it is stopped."""

    def __init__(self, store: Store) -> None:
        self.manners = Manners()
        self._store = store
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery under way."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_TIMEOUT_S + 1)

    def wake(self) -> None:
        """Look now: something was announced."""
        self._wake.set()

    def deliver_due(self, *, at_once: bool = False) -> int:
        """Send all that is due (or all that waits); how many were sent."""
        with self._sending:
            manners = self.manners
            latest = self._store.now() + (10**9 if at_once else -manners.delay_s)
            order = "DESC" if manners.newest_first else "ASC"
            rows = self._store.all(
                "SELECT deliveries.*, url, secret, old_secret FROM deliveries"
                " JOIN endpoints ON endpoints.id = endpoint"
                f" WHERE state = 'waiting' AND due_at <= ? ORDER BY deliveries.id {order}",
                latest,
            )
            for row in rows:
                self._deliver(row, manners)
            return len(rows)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(0.2)
            self._wake.clear()
            if self.manners.is_on and not self._stop.is_set():
                self.deliver_due()

    def _deliver(self, row: Row, manners: Manners) -> None:
        body = row["body"].encode()
        secrets = [one for one in (row["secret"], row["old_secret"]) if one]
        if manners.wrong_signature:
            secrets = ["whsec_of_somebody_else"]
        status = ""
        for _ in range(max(1, manners.repeat)):
            # a real clock: the receiver refuses what was signed long ago
            status = _post(row["url"], body, signature_of(secrets, body, int(self._store.now())))
        attempts = row["attempts"] + 1
        state, due_at = "waiting", row["due_at"]
        if status.startswith("2"):
            state = "delivered"
        elif attempts > len(RETRIES_S):
            state = "given up"
        else:
            due_at = self._store.now() + RETRIES_S[attempts - 1]
        with self._store.transaction():
            self._store.run(
                "UPDATE deliveries SET attempts = ?, state = ?, due_at = ?, last_status = ?"
                " WHERE id = ?",
                attempts, state, due_at, status, row["id"],
            )  # fmt: skip


def _post(url: str, body: bytes, signature: str) -> str:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        connection.request("POST", parts.path or "/", body, headers)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
