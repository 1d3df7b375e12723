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

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS merchants (
    id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, transaction_key TEXT NOT NULL,
    signature_key TEXT NOT NULL, name TEXT NOT NULL, currency TEXT NOT NULL,
    hold_above TEXT, reports_enabled INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY, merchant_id INTEGER NOT NULL REFERENCES merchants, url TEXT NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1, UNIQUE (merchant_id, url)
);
CREATE TABLE IF NOT EXISTS customers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, merchant_id INTEGER NOT NULL REFERENCES merchants,
    merchant_customer_id TEXT NOT NULL, email TEXT NOT NULL, description TEXT NOT NULL,
    UNIQUE (merchant_id, merchant_customer_id, email, description)
);
CREATE TABLE IF NOT EXISTS cards (
    id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER NOT NULL REFERENCES customers,
    card_hash TEXT NOT NULL, brand TEXT NOT NULL, last_four TEXT NOT NULL, expiry TEXT NOT NULL,
    first_name TEXT NOT NULL, last_name TEXT NOT NULL, address TEXT NOT NULL, zip TEXT NOT NULL,
    network_trans_id TEXT NOT NULL DEFAULT '',
    account_type TEXT NOT NULL DEFAULT '', routing TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, merchant_id INTEGER NOT NULL, settled_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, merchant_id INTEGER NOT NULL REFERENCES merchants,
    submitted_at REAL NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
    response_code TEXT NOT NULL, reason_code TEXT NOT NULL,
    invoice TEXT NOT NULL, description TEXT NOT NULL, ref_id TEXT NOT NULL,
    currency TEXT NOT NULL, requested TEXT NOT NULL, authorized TEXT NOT NULL,
    settle TEXT NOT NULL, balance TEXT NOT NULL DEFAULT '',
    customer_id INTEGER, card_id INTEGER, brand TEXT NOT NULL, last_four TEXT NOT NULL,
    expiry TEXT NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL,
    address TEXT NOT NULL, zip TEXT NOT NULL, avs TEXT NOT NULL, cvv TEXT NOT NULL,
    auth_code TEXT NOT NULL, network_trans_id TEXT NOT NULL, split_tender_id INTEGER,
    ref_trans_id INTEGER, batch_id INTEGER REFERENCES batches, fingerprint TEXT NOT NULL,
    flags TEXT NOT NULL DEFAULT '', customer_ip TEXT NOT NULL DEFAULT '',
    account_type TEXT NOT NULL DEFAULT '', routing TEXT NOT NULL DEFAULT '',
    return_code TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS transactions_by_fingerprint ON transactions (fingerprint, id);
CREATE INDEX IF NOT EXISTS transactions_by_merchant ON transactions (merchant_id, id);
CREATE TABLE IF NOT EXISTS page_tokens (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL, merchant_id INTEGER NOT NULL,
    made_at REAL NOT NULL, details TEXT NOT NULL, is_used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, merchant_id INTEGER NOT NULL, webhook_id INTEGER NOT NULL,
    event_id TEXT NOT NULL, event_type TEXT NOT NULL, body TEXT NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting',
    last_status TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (state, due_at);
"""

_TABLES = (
    "deliveries", "page_tokens", "transactions", "batches", "cards", "customers", "webhooks",
    "merchants",
)  # fmt: skip
# Of a state file that was made before there were bank accounts.
_ADDED = {
    "cards": ("account_type", "routing"),
    "transactions": ("account_type", "routing", "return_code"),
}
_FIRST_IDS = {"customers": 900_000_000, "cards": 910_000_000, "transactions": 60_200_000_000}


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
        self._database.execute("PRAGMA foreign_keys=ON")
        self._database.executescript(_SCHEMA)
        self.clock_offset_s = 0.0
        for table, columns in _ADDED.items():
            there = {row["name"] for row in self.all(f"PRAGMA table_info({table})")}
            for column in columns:
                if column not in there:
                    self.run(f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
        with self.transaction():
            for table, first in _FIRST_IDS.items():
                known = self.one("SELECT 1 FROM sqlite_sequence WHERE name = ?", table)
                if known is None:
                    self.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, first)
            salt = secrets.token_hex(16)
            self.run("INSERT OR IGNORE INTO settings VALUES ('card_salt', ?)", salt)
        row = self.get("SELECT value FROM settings WHERE name = 'card_salt'")
        self.card_salt: str = row["value"]

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

    def run(self, sql: str, *values: object) -> int:
        """Execute; the new row's id."""
        with self._lock:
            return self._database.execute(sql, values).lastrowid or 0

    def insert(self, table: str, values: Mapping[str, object]) -> int:
        """Insert a row; its id."""
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        return self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())

    def update(self, table: str, row_id: int, **values: object) -> None:
        """Change a row."""
        names = ", ".join(f"{name} = ?" for name in values)
        self.run(f"UPDATE {table} SET {names} WHERE id = ?", *values.values(), row_id)

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._database.execute(sql, values).fetchone()
            return row

    def get(self, sql: str, *values: object) -> sqlite3.Row:
        """The first row; LookupError if there is none."""
        row = self.one(sql, *values)
        if row is None:
            raise LookupError(sql)
        return row

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows."""
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    def new_page_token(self, kind: str, merchant_id: int, details: Mapping[str, Any]) -> str:
        """A token for a hosted page, good for a quarter of an hour."""
        token = secrets.token_urlsafe(48)
        self.run(
            "INSERT INTO page_tokens (token, kind, merchant_id, made_at, details)"
            " VALUES (?, ?, ?, ?, ?)",
            token, kind, merchant_id, self.now(), json.dumps(details),
        )  # fmt: skip
        return token

    def forget_everything(self) -> None:
        """Empty every table; ids go on, so old references never come to mean something else."""
        with self.transaction():
            for table in _TABLES:
                self.run(f"DELETE FROM {table}")
        self.clock_offset_s = 0.0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
