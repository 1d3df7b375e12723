"""What the sandbox remembers: one SQLite file, flushed to disk before anything is answered."""

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS clients (number TEXT PRIMARY KEY, validation_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS filings (
    trans_id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL, stan TEXT NOT NULL,
    kind TEXT NOT NULL, invoices TEXT NOT NULL, revenue TEXT NOT NULL, tax TEXT NOT NULL,
    request TEXT NOT NULL, answer TEXT NOT NULL, made_at TEXT NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS filings_by_stan ON filings (client, stan) WHERE stan <> '';
"""
_FIRST_ID = 841_901_823


class Store:
    """The database. One transaction at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        # what was filed stays filed, whatever happens to the machine
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_SCHEMA)
        self.run("INSERT OR IGNORE INTO sqlite_sequence (name, seq) SELECT 'filings', ?"
                 " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'filings')",
                 _FIRST_ID)  # fmt: skip
        self.is_down = False

    def run(self, sql: str, *values: object) -> int:
        """Execute; the row's id, for an insert."""
        with self._lock:
            return int(self._database.execute(sql, values).lastrowid or 0)

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows."""
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    def check_key(self, client: str, key: str) -> bool:
        """Whether this is the client's key; the first one it comes with is."""
        self.run("INSERT OR IGNORE INTO clients VALUES (?, ?)", client, key)
        rows = self.all("SELECT validation_key FROM clients WHERE number = ?", client)
        return bool(rows) and rows[0]["validation_key"] == key

    def add(self, client: str, stan: str, kind: str, request: Json, answer: Json, at: str) -> int:
        """Keep a calculation; its TransId. 0 when this STAN was kept before."""
        numbers = sorted({str(item.get("InvoiceNumber") or "") for item in request["ItemList"]})
        with self._lock:
            try:
                return self.run(
                    "INSERT INTO filings (client, stan, kind, invoices, revenue, tax, request,"
                    " answer, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    client, stan, kind, ", ".join(numbers), str(request["TotalRevenue"]),
                    answer["TotalTax"], json.dumps(request), json.dumps(answer), at,
                )  # fmt: skip
            except sqlite3.IntegrityError:
                return 0

    def next_quote_id(self) -> int:
        """A TransId for what is not kept."""
        with self._lock:
            self.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'filings'")
            rows = self.all("SELECT seq FROM sqlite_sequence WHERE name = 'filings'")
            return int(rows[0]["seq"])

    def forget_everything(self) -> None:
        """Empty every table."""
        with self._lock:
            self.run("DELETE FROM filings")
            self.run("DELETE FROM clients")
        self.is_down = False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()
