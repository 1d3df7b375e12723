"""The database as its superuser sees it: what is in it, what a request changed, and back again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg

# a session says when it was last used: the one thing that looking at a page may write
SEEN = {("sessions", "last_seen_at")}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    is_generated: bool


@dataclass
class Database:
    """`connection` passes walls, foreign keys and append-only triggers."""

    connection: "psycopg.Connection[tuple[Any, ...]]"
    tables: dict[str, list[Column]] = field(default_factory=dict)
    # which state each table is in; 0 is the one that is kept, every write makes a new one
    _states: dict[str, int] = field(default_factory=dict)
    _fresh: Iterator[int] = field(default_factory=lambda: count(1))
    _read: dict[tuple[object, ...], tuple[int, Any]] = field(default_factory=dict)

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
        owners = None if resellers is None else tuple(resellers)
        shown = [t for t in self.tables if owners is None or self._owned(t, owners) is not None]
        return self._read_again(
            shown, ("digest", owners), lambda tables: self._make_digest(tables, owners)
        )

    def _read_again(
        self,
        tables: Iterable[str],
        what: tuple[object, ...],
        read: Callable[[list[str]], dict[str, Any]],
    ) -> dict[str, Any]:
        """What was read of each table in the state in which it is; the others are read now."""
        self._notice()
        states = {table: self._states.get(table, 0) for table in tables}
        found = {
            table: value
            for table, state in states.items()
            # the kept state comes back again and again: it is remembered beside the last one
            for known, value in [self._read.get((*what, table, state == 0), (-1, None))]
            if known == state
        }
        for table, value in read([t for t in states if t not in found]).items():
            self._read[(*what, table, states[table] == 0)] = (states[table], value)
            found[table] = value
        return {table: found[table] for table in states}

    def _notice(self) -> None:
        """Hear of all that was committed until now: it is told before any later answer."""
        self.connection.execute("select")

    def _hear(self, notify: psycopg.Notify) -> None:
        self._states[notify.payload] = next(self._fresh)

    def _make_digest(self, tables: Iterable[str], owners: tuple[int, ...] | None) -> dict[str, str]:
        parts = []
        for table in tables:
            where = "" if owners is None else self._owned(table, owners)
            columns = self.tables[table]
            shown = ", ".join(f'"{c.name}"' for c in columns if (table, c.name) not in SEEN)
            parts.append(
                f"select '{table}', md5(coalesce(string_agg(md5(t::text), '' order by"
                f" md5(t::text)), '')) from (select {shown} from \"{table}\" {where}) t"
            )
        if not parts:
            return {}
        return dict(self.connection.execute(" union all ".join(parts)).fetchall())  # type: ignore[arg-type]

    def rows_of_all(self, without: Callable[[Column], bool]) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of every table as texts, without some columns, in a fixed order."""
        shown = {
            table: tuple(column.name for column in columns if not without(column))
            for table, columns in self.tables.items()
        }
        return self._read_again(
            self.tables,
            ("rows", without),
            lambda tables: {table: self._rows(table, shown[table]) for table in tables},
        )

    def tables_with(self, pattern: str) -> list[str]:
        """The tables in which a row, as a text, holds what the regular expression says."""

        def read(tables: list[str]) -> dict[str, bool]:
            parts = [
                f"select '{table}', exists(select from \"{table}\" t where t::text ~ %(pattern)s)"
                for table in tables
            ]
            return dict(
                self.connection.execute(" union all ".join(parts), {"pattern": pattern}).fetchall()  # type: ignore[arg-type]
                if parts
                else []
            )

        holding = self._read_again(self.tables, ("with", pattern), read)
        return [table for table, holds in holding.items() if holds]

    def _rows(self, table: str, shown: Iterable[str]) -> list[tuple[Any, ...]]:
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

        self._tell_of_writes()
        self._states.clear()
        self._read.clear()

    def _tell_of_writes(self) -> None:
        """Have every table say when something was written to it, by whomever."""
        self.connection.add_notify_handler(self._hear)
        self.connection.execute("listen written")
        self.connection.execute(
            "create function kept.tell() returns trigger language plpgsql as"
            " $$ begin perform pg_notify('written', tg_table_name); return null; end $$"
        )
        for table in self.tables:
            for event in ("insert or update or delete", "truncate"):
                trigger = f"tell_{event.split()[0]}"
                self.connection.execute(
                    f'create trigger {trigger} after {event} on public."{table}"'  # type: ignore[arg-type]
                    " for each statement execute function kept.tell()"
                )
                self.connection.execute(
                    f'alter table public."{table}" enable always trigger {trigger}'  # type: ignore[arg-type]
                )

    def restore(self) -> None:
        """Everything as it was kept, the running ids included."""
        self._notice()
        changed = [table for table, state in self._states.items() if state]
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
        self._notice()
        self._states.clear()

    def _owned(self, table: str, owners: Iterable[int]) -> str | None:
        listed = ", ".join(str(owner) for owner in owners)
        if table == "resellers":
            return f"where id in ({listed})"
        if "reseller_id" not in self.columns(table):
            return None
        return f"where reseller_id in ({listed})"


def changed_tables(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Names of the tables whose rows differ."""
    return sorted(table for table in before if before[table] != after[table])
