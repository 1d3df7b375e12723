"""Ledger postings a second through the application, beside a bare SQL function under pgbench.

Run: `python -m benchmarks.ledger [--seconds 10] [--connections 4]`

Both run on the same embedded PostgreSQL with fsync on, one after the other. The reference is the
least that a posting can be: entry, two lines, one balance under its lock, in one SQL function on
tables without row-level security, triggers or foreign keys, driven by pgbench. Ours is a charge
through `unit_of_work` and `billing.ledger.post`: tenant scope, row-level security, checks, foreign
keys, zero-sum trigger, one transaction each, from one Python process per connection.
"""

import argparse
import multiprocessing
import re
import subprocess
import tempfile
import time
from decimal import Decimal
from multiprocessing.queues import Queue
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.stage import Stage, open_stage
from billing import ledger
from core.clock import now
from core.db import Session
from core.engines import dispose_engines
from core.ids import new_id
from core.tenancy import Scope, tenant_scope
from core.uow import configure, unit_of_work
from sandbox.embedded import Postgres

CLIENTS = 1000
BATCH = 20
SCRIPT = f"\\set c random(1, {CLIENTS})\nselect bare_post(:c, 0.01);\n"

_REFERENCE = (
    "create table bare_balances (client_id bigint primary key, live numeric(20,6) not null)",
    f"insert into bare_balances select i, 0 from generate_series(1, {CLIENTS}) i",
    """
    create table bare_entries (
        id bigint generated always as identity primary key, client_id bigint not null,
        kind text not null, source_id uuid not null, description text not null,
        posted_at timestamptz not null default now(), unique (kind, source_id))
    """,
    """
    create table bare_lines (
        entry_id bigint not null, line_no int not null, account text not null,
        amount numeric(20,6) not null, primary key (entry_id, line_no))
    """,
    """
    create function bare_post(p_client bigint, p_amount numeric) returns void language sql as $$
        with entry as (
            insert into bare_entries (client_id, kind, source_id, description)
            values (p_client, 'charge', gen_random_uuid(), 'Benchmark') returning id),
        lines as (
            insert into bare_lines
            select id, 1, 'client_live', -p_amount from entry union all
            select id, 2, 'revenue', p_amount from entry)
        update bare_balances set live = live - p_amount where client_id = p_client
    $$
    """,
)


def _make_reference(postgres: Postgres) -> None:
    engine = create_engine(postgres.url("postgres", "portal"))
    with engine.begin() as connection:
        for statement in _REFERENCE:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _pgbench(postgres: Postgres, connections: int, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(SCRIPT)
        file.flush()
        printed = subprocess.run(
            [
                *(str(postgres.bin_dir / "pgbench"), "-n", "-M", "prepared"),
                *("-c", str(connections), "-j", str(min(connections, 4)), "-T", str(seconds)),
                *("-h", str(postgres.socket_dir), "-U", "postgres", "-f", file.name, "portal"),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    found = re.search(r"tps = ([\d.]+)", printed)
    if found is None:
        raise RuntimeError(f"pgbench printed no figure:\n{printed}")
    return float(found[1])


def _post_until(
    stage: Stage, client_ids: list[int], seconds: int, batch: int, done: "Queue[int]"
) -> None:
    dispose_engines()
    configure(stage.settings)
    count = 0
    with tenant_scope(Scope((stage.reseller_id,))):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with unit_of_work() as session:
                for _ in range(batch):
                    _post_one(session, stage, client_ids[(count * 7919) % len(client_ids)])
                    count += 1
    done.put(count)


def _post_one(session: Session, stage: Stage, client_id: int) -> None:
    ledger.post(
        session,
        ledger.Posting(
            reseller_id=stage.reseller_id,
            client_id=client_id,
            kind=ledger.EntryKind.CHARGE,
            source_id=new_id(),
            currency="USD",
            effective_at=now(),
            description="Benchmark",
            lines=ledger.charge_lines(Decimal("0.01"), Decimal()),
        ),
    )


def _ours(
    stage: Stage, clients: list[int], connections: int, seconds: int, batch: int = 1
) -> float:
    done: Queue[int] = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(
            # each process has clients of its own: batches that share rows would deadlock
            target=_post_until,
            args=(stage, clients[number::connections] or clients, seconds, batch, done),
        )
        for number in range(connections)
    ]
    for worker in workers:
        worker.start()
    total = sum(done.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total / seconds


def _wrong_balances(postgres: Postgres) -> int:
    engine = create_engine(postgres.url("postgres", "portal"))
    with engine.connect() as connection:
        found = connection.scalar(
            text(
                "select count(*) from client_balances b left join (select client_id, sum(amount)"
                " as live from ledger_lines where account = 'client_live' group by client_id) l"
                " using (client_id) where b.live <> coalesce(l.live, 0)"
            )
        )
    engine.dispose()
    return int(found)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Ledger postings a second")
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--connections", type=int, default=4)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_stage(Path(folder)) as stage:
        clients = stage.make_clients(CLIENTS)
        _make_reference(stage.postgres)
        before = _pgbench(stage.postgres, chosen.connections, chosen.seconds)
        ours = _ours(stage, clients, chosen.connections, chosen.seconds)
        batched = _ours(stage, clients, chosen.connections, chosen.seconds, BATCH)
        hot = _ours(stage, clients[:1], chosen.connections, chosen.seconds)
        after = _pgbench(stage.postgres, chosen.connections, chosen.seconds)
        wrong = _wrong_balances(stage.postgres)
    reference = (before + after) / 2
    print(f"{chosen.connections} connections, {chosen.seconds} s each, fsync on, a second:")
    print(f"  reference  {reference:7.0f}  bare SQL function, pgbench ({before:.0f}, {after:.0f})")
    print(f"  ours       {ours:7.0f}  charges through the application, {CLIENTS} clients")
    print(f"  batched    {batched:7.0f}  {BATCH} of them in one transaction, as usage is posted")
    print(f"  ours, hot  {hot:7.0f}  the same on one client")
    print(f"  ratio      {ours / reference:7.2f}  ours / reference (aim: 0.50)")
    print(f"  ratio      {batched / reference:7.2f}  batched / reference")
    print(f"  balances that differ from their lines: {wrong}")


if __name__ == "__main__":
    main()
