"""Signed webhooks: kept in the database, delivered by a background thread, tried again.

The signature is HMAC-SHA512 of the raw body with the merchant's signature key, in the header
`X-ANET-Signature: sha512=<HEX>`.
"""

import hashlib
import hmac
import http.client
import json
import os
import threading
import uuid
from dataclasses import dataclass
from sqlite3 import Row
from urllib.parse import urlsplit

from sandbox.authorizenet.document import time_text
from sandbox.authorizenet.store import Store

# Seconds until the next try; after the last one the webhook is set inactive.
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


def announce(store: Store, merchant_id: int, event_type: str, payload: dict[str, object]) -> None:
    """Put an event in line for every active webhook of the merchant; same transaction."""
    for hook in store.all(
        "SELECT id FROM webhooks WHERE merchant_id = ? AND is_active", merchant_id
    ):
        event_id = str(uuid.UUID(bytes=os.urandom(16), version=4))
        body = {
            "notificationId": event_id,
            "eventType": event_type,
            "eventDate": time_text(store.now()),
            "webhookId": str(uuid.uuid5(uuid.NAMESPACE_URL, str(hook["id"]))),
            "payload": payload,
        }
        store.insert(
            "deliveries",
            {
                "merchant_id": merchant_id,
                "webhook_id": hook["id"],
                "event_id": event_id,
                "event_type": event_type,
                "body": json.dumps(body),
                "due_at": store.now(),
            },
        )


def signature_of(signature_key: str, body: bytes) -> str:
    """The value of the signature header."""
    digest = hmac.new(signature_key.encode(), body, hashlib.sha512).hexdigest()
    return f"sha512={digest.upper()}"


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
                "SELECT deliveries.*, webhooks.url, merchants.signature_key FROM deliveries"
                " JOIN webhooks ON webhooks.id = deliveries.webhook_id"
                " JOIN merchants ON merchants.id = deliveries.merchant_id"
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
        key = "not the key" if manners.wrong_signature else row["signature_key"]
        signature = signature_of(key, body)
        status = ""
        for _ in range(max(1, manners.repeat)):
            status = _post(row["url"], body, signature)
        attempts = row["attempts"] + 1
        values: dict[str, object] = {"attempts": attempts, "last_status": status}
        if status.startswith("2"):
            values["state"] = "delivered"
        elif attempts > len(RETRIES_S):
            values["state"] = "given up"
        else:
            values["due_at"] = self._store.now() + RETRIES_S[attempts - 1]
        with self._store.transaction():
            self._store.update("deliveries", row["id"], **values)
            if values.get("state") == "given up":
                self._store.update("webhooks", row["webhook_id"], is_active=0)


def _post(url: str, body: bytes, signature: str) -> str:
    """The HTTP status, or what went wrong."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "X-ANET-Signature": signature}
    try:
        connection.request("POST", path or "/", body, headers)
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
