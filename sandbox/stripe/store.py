"""What the sandbox remembers: one SQLite file, flushed to disk before anything is answered."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, secret_key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, currency TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS endpoints (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts, url TEXT NOT NULL,
    secret TEXT NOT NULL, old_secret TEXT NOT NULL DEFAULT '', UNIQUE (account, url)
);
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    kind TEXT NOT NULL, created INTEGER NOT NULL, customer TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (account, kind, seq);
CREATE TABLE IF NOT EXISTS keys (
    account TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    answer TEXT NOT NULL, made_at REAL NOT NULL, PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint INTEGER NOT NULL REFERENCES endpoints,
    event_id TEXT NOT NULL, event_type TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting',
    last_status TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (state, due_at);
"""
_TABLES = ("deliveries", "keys", "objects", "endpoints", "accounts")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
KEY_LIFE_S = 24 * 3600


def new_id(prefix: str, length: int = 24) -> str:
    """An id as Stripe writes them: `pi_3Px…`."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"


class Store:
    """The database and its clock. One transaction at a time: the lock is the gateway's own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        # What was charged stays charged, whatever happens to the machine.
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)
        self.clock_offset_s = 0.0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on disk when it ends."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def now(self) -> float:
        """Seconds since 1970 on the sandbox's clock, which the control API can move."""
        return time.time() + self.clock_offset_s

    def run(self, sql: str, *values: object) -> None:
        """Execute."""
        with self._lock:
            self._database.execute(sql, values)

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._database.execute(sql, values).fetchone()
            return row

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows."""
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    # Objects of the API, kept as they are shown; what begins with an underscore is never shown

    def add(self, account: str, prefix: str, kind: str, values: Mapping[str, Any]) -> Json:
        """Keep a new object; it gets its id, its time and what all of them have."""
        made: Json = {
            "id": new_id(prefix),
            "object": kind,
            "created": int(self.now()),
            "livemode": False,
            **values,
        }
        self.run(
            "INSERT INTO objects (id, account, kind, created, customer, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            made["id"], account, kind, made["created"], made.get("customer") or "",
            json.dumps(made),
        )  # fmt: skip
        return made

    def save(self, changed: Json) -> None:
        """Keep the changes of an object."""
        self.run(
            "UPDATE objects SET body = ?, customer = ? WHERE id = ?",
            json.dumps(changed), changed.get("customer") or "", changed["id"],
        )  # fmt: skip

    def find(self, account: str, object_id: str, kind: str = "") -> Json | None:
        """The object of this account, or None."""
        row = self.one(
            "SELECT body FROM objects WHERE account = ? AND id = ? AND kind LIKE ?",
            account, object_id, kind or "%",
        )  # fmt: skip
        return None if row is None else json.loads(row["body"])

    def forget_everything(self) -> None:
        """Empty every table."""
        with self.transaction():
            for table in _TABLES:
                self.run(f"DELETE FROM {table}")
        self.clock_offset_s = 0.0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
