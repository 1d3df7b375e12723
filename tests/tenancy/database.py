"""The database as its superuser sees it: what is in it, what a request changed, and back again."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

# a session says when it was last used: the one thing that looking at a page may write
SEEN = {("sessions", "last_seen_at")}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    is_generated: bool


@dataclass(frozen=True)
class _Seen:
    """What was there when the log of writes stood at `written`."""

    written: str
    stamps: dict[str, str]
    digest: dict[str, str]


@dataclass
class Database:
    """`connection` passes walls, foreign keys and append-only triggers."""

    connection: "psycopg.Connection[tuple[Any, ...]]"
    tables: dict[str, list[Column]] = field(default_factory=dict)
    _known: dict[tuple[int, ...] | None, "_Seen"] = field(default_factory=dict)
    _restored: "_Seen" = field(default_factory=lambda: _Seen("", {}, {}))

    def __post_init__(self) -> None:
        rows = self.connection.execute(
            "select c.relname, a.attname, format_type(a.atttypid, null), a.attgenerated <> ''"
            " from pg_attribute a join pg_class c on c.oid = a.attrelid"
            " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
            " and a.attnum > 0 and not a.attisdropped and c.relname <> 'alembic_version'"
            " order by c.relname, a.attnum"
        )
        for table, *column in rows:
            self.tables.setdefault(table, []).append(Column(*column))

    def columns(self, table: str) -> set[str]:
        return {column.name for column in self.tables[table]}

    def digest(self, resellers: Iterable[int] | None = None) -> dict[str, str]:
        """A fingerprint of every table; with `resellers` of their rows only."""
        owners = None if resellers is None else list(resellers)
        key, written = None if owners is None else tuple(owners), self.written()
        known = self._known.get(key)
        if known is not None and known.written == written:
            return known.digest
        stamps = self._stamps()
        digest = dict(known.digest) if known else {}
        changed = [t for t in self.tables if known is None or known.stamps[t] != stamps[t]]
        digest.update(self._make_digest(changed, owners))
        self._known[key] = _Seen(written, stamps, digest)
        return digest

    def written(self) -> str:
        """How far the log of all writes has come: as long as it stands, no row has changed."""
        found = self.connection.execute("select pg_current_wal_insert_lsn()::text").fetchone()
        assert found is not None
        return str(found[0])

    def _stamps(self) -> dict[str, str]:
        """How many rows each table has and who wrote last: the same, and no row has changed."""
        parts = [
            f"select '{table}', count(*) || ' ' || coalesce(max(xmin::text::bigint), 0)"
            f' from "{table}"'
            for table in self.tables
        ]
        return dict(self.connection.execute(" union all ".join(parts)).fetchall())  # type: ignore[arg-type]

    def _make_digest(self, tables: Iterable[str], owners: list[int] | None) -> dict[str, str]:
        parts = []
        for table in tables:
            where = "" if owners is None else self._owned(table, owners)
            if where is None:
                continue
            columns = self.tables[table]
            shown = ", ".join(f'"{c.name}"' for c in columns if (table, c.name) not in SEEN)
            parts.append(
                f"select '{table}', md5(coalesce(string_agg(md5(t::text), '' order by"
                f" md5(t::text)), '')) from (select {shown} from \"{table}\" {where}) t"
            )
        if not parts:
            return {}
        return dict(self.connection.execute(" union all ".join(parts)).fetchall())  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        return hashlib.sha256(repr(sorted(self.digest().items())).encode()).hexdigest()

    def rows(self, table: str, without: Iterable[str] = ()) -> list[tuple[Any, ...]]:
        """All rows of a table as text, without some columns, in a fixed order."""
        skipped = set(without)
        shown = [c.name for c in self.tables[table] if c.name not in skipped]
        names = ", ".join(f'"{name}"::text' for name in shown)
        found = self.connection.execute(f'select {names} from "{table}"').fetchall()  # type: ignore[arg-type]
        return sorted(found, key=repr)

    def texts(self, table: str, resellers: Iterable[int]) -> list[str]:
        """The rows of these resellers, each as one text."""
        where = self._owned(table, list(resellers))
        assert where is not None, table
        rows = self.connection.execute(f'select t::text from "{table}" t {where}')  # type: ignore[arg-type]
        return [text for (text,) in rows]

    def keep(self) -> None:
        """Remember everything as it is now."""
        self.connection.execute("drop schema if exists kept cascade")
        self.connection.execute("create schema kept")
        for table in self.tables:
            self.connection.execute(f'create table kept."{table}" as table public."{table}"')  # type: ignore[arg-type]
        self.connection.execute(
            "create table kept.sequences_of_ids as select format('%I', sequencename) as name,"
            " coalesce(last_value, start_value) as value, last_value is not null as is_used"
            " from pg_sequences where schemaname = 'public'"
        )

    def restore(self) -> None:
        """Everything as it was kept, the running ids included."""
        before = self._restored
        if before.written == self.written():
            return
        stamps = self._stamps()
        changed = [t for t in self.tables if before.stamps.get(t) != stamps[t]]
        statements = [f'delete from public."{table}"' for table in changed]
        for table in changed:
            names = ", ".join(f'"{c.name}"' for c in self.tables[table] if not c.is_generated)
            statements.append(
                f'insert into public."{table}" ({names}) overriding system value'
                f' select {names} from kept."{table}"'
            )
        statements.append(
            "select setval('public.' || name, value, is_used) from kept.sequences_of_ids"
        )
        with self.connection.transaction():
            self.connection.execute("; ".join(statements))  # type: ignore[arg-type]
        self._restored = _Seen(self.written(), self._stamps(), {})

    def _owned(self, table: str, owners: list[int]) -> str | None:
        listed = ", ".join(str(owner) for owner in owners)
        if table == "resellers":
            return f"where id in ({listed})"
        if "reseller_id" not in self.columns(table):
            return None
        return f"where reseller_id in ({listed})"


def changed_tables(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Names of the tables whose rows differ."""
    return sorted(table for table in before if before[table] != after[table])
