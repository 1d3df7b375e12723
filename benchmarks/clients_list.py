"""Requests a second for the Clients list, beside a bare page with the same rows.

Run: `python -m benchmarks.clients_list [--clients 1000000] [--resellers 10] [--seconds 8]`

Then each thing that people ask of the list alone: first, second, deep and last page, searches,
advanced searches, the count and an export.

Both pages are served by Granian with one thread in each of 4 processes, from the same embedded
PostgreSQL with that many clients, to 32 keep-alive connections that ask for pages of one
reseller's list. Ours is the real screen: sign-in session, permissions, tenant scope, keyset query,
layout, formatting, security headers. The reference is `benchmarks/bare_list.py`.
"""

import argparse
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from sqlalchemy import create_engine, func, select, text

from benchmarks import load
from benchmarks.stage import Stage, open_stage
from core.platform_uow import platform_unit_of_work
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work
from payments import client_columns
from payments.client_export import AT_ONCE, Wish, export_now
from portal.keyset import COUNT_LIMIT
from portal.office.client_columns import DEFAULT_KEYS
from portal.office.client_search import Filters, narrow
from tenants import resellers, signin_sessions, staff
from tenants.models import Client
from tenants.permissions import ALL_PERMISSIONS

_LIST = "/office/clients/"
_FURNISH = (
    "insert into payment_terms (reseller_id, name, day_of_month) select id, 'Monthly', 1"
    " from resellers on conflict do nothing",
    "insert into client_billing (client_id, reseller_id, payment_terms_id)"
    " select c.id, c.reseller_id, t.id from clients c join payment_terms t using (reseller_id)",
    "insert into tags (reseller_id, name) select id, 'tag ' || n from resellers,"
    " generate_series(1, 5) n",
    "insert into client_tags (client_id, tag_id, reseller_id) select c.id, t.id, c.reseller_id"
    " from clients c join tags t using (reseller_id) where t.id % 5 = c.id % 7",
    "insert into client_companies (client_id, reseller_id, company_name, main_email)"
    " select id, reseller_id, name || ' Ltd', 'main' || id || '@bench.example' from clients"
    " where id % 2 = 0 on conflict do nothing",
    "update client_balances set live = (client_id * 7919) % 100000 - 20000 where client_id % 3 = 0",
)


def _fill(stage: Stage, clients: int, count: int) -> None:
    each = clients // count
    stage.make_clients(each)
    for number in range(1, count):
        with platform_unit_of_work() as session:
            made = resellers.create_reseller(
                session,
                name=f"Bench {number}",
                code=f"bench-{number}",
                currency_code="USD",
                timezone="UTC",
            )
            reseller_id = made.id
        stage.make_clients(each, reseller_id=reseller_id)
    engine = create_engine(stage.postgres.url("postgres", "portal"))
    with engine.begin() as connection:
        for statement in _FURNISH:
            connection.execute(text(statement))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("vacuum analyze"))
    engine.dispose()


def _sign_in(stage: Stage) -> str:
    with platform_unit_of_work() as session:
        role = staff.create_role(
            session, reseller_id=stage.reseller_id, name="Owner", permissions=ALL_PERMISSIONS
        )
        user = staff.create_user(
            session,
            reseller_id=stage.reseller_id,
            role_id=role.id,
            email="owner@bench.example",
            name="Owner",
        )
        return signin_sessions.begin_session(
            session,
            area="office",
            subject_id=user.id,
            reseller_id=stage.reseller_id,
            ip="127.0.0.1",
            user_agent="benchmark",
        )


def _environment(stage: Stage, port: int) -> dict[str, str]:
    settings = stage.settings
    return {
        **os.environ,
        "ENVIRONMENT": "development",
        "DATABASE_URL_OFFICE": settings.database_url_office,
        "DATABASE_URL_PANEL": settings.database_url_panel,
        "DATABASE_URL_PLATFORM": settings.database_url_platform,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "CREDENTIAL_KEYS": settings.credential_keys.get_secret_value(),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "SMTP_HOST": "127.0.0.1",
        "MAIL_FROM": settings.mail_from,
        "LOG_LEVEL": "WARNING",
        "BENCH_RESELLER": str(stage.reseller_id),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _served(target: str, port: int, environment: Mapping[str, str]) -> Iterator[None]:
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", target),
            *("--workers", "4", "--blocking-threads", "1", "--no-access-log"),
            *("--host", "127.0.0.1", "--port", str(port), "--log-level", "error"),
        ],
        env=dict(environment),
        cwd=Path(__file__).resolve().parents[1],
    )
    try:
        _wait_open(port)
        yield
    finally:
        server.terminate()
        server.wait(60)


def _wait_open(port: int) -> None:
    """Until somebody listens, and then as long again for the other processes."""
    started = time.monotonic()
    while time.monotonic() < started + 120:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    time.sleep(max(2.0, time.monotonic() - started))


def _measure(
    target: str, port: int, environment: Mapping[str, str], paths: list[str], headers: str, s: int
) -> tuple[load.Result, load.Result]:
    with _served(target, port, environment):
        load.run(port, paths, headers, connections=8, seconds=2)
        alone = load.run(port, paths, headers, connections=1, seconds=2)
        return load.run(port, paths, headers, connections=32, seconds=s), alone


# what people ask of the list, each timed by itself, one request after the other
_QUESTIONS: dict[str, Sequence[str]] = {
    "first page": (_LIST,),
    "page 2": (f"{_LIST}?after={{second}}",),
    "deep page": (f"{_LIST}?after={{deep}}",),
    "last page": (f"{_LIST}?before={{last}}",),
    "search, first letters": (f"{_LIST}?q=client+77", f"{_LIST}?q=client+901"),
    "search, an id": (f"{_LIST}?q={{id}}",),
    "search, nothing found": (f"{_LIST}?q=nobody",),
    "search, *text": (f"{_LIST}?q=*ent+901",),
    "advanced, available": (f"{_LIST}?available_to=-100",),
    "advanced, many": (
        f"{_LIST}?currency=USD&tag=tag+1,tag+2&terms={{terms}}&live_from=0&role=orig",
    ),
    "advanced, last invoiced": (f"{_LIST}?invoiced=never&autoinvoicing=no&created=this_week",),
    "advanced, few found": (f"{_LIST}?live_from=79000&main_email=*&status=any",),
    "order by available": (f"{_LIST}?sort=-available",),
    "panel of the search": (f"{_LIST}search",),
}


def _ask(
    stage: Stage, port: int, environment: Mapping[str, str], cookie: str, s: float
) -> dict[str, load.Result]:
    """Server times of each question with nobody else asking."""
    places = _places(stage)
    found = {}
    with _served("portal.wsgi:app", port, environment):
        load.run(port, [_LIST], cookie, connections=8, seconds=2)
        for name, paths in _QUESTIONS.items():
            filled = [path.format(**places) for path in paths]
            found[name] = load.run(port, filled, cookie, connections=1, seconds=s)
    return found


def _places(stage: Stage) -> dict[str, str]:
    """Values for the addresses: places in the list's order, a client's id, its terms."""
    engine = create_engine(stage.postgres.url("postgres", "portal"))
    with engine.connect() as connection:
        of = {"r": stage.reseller_id}
        rows = connection.execute(
            text(
                "select name_key, id from clients where reseller_id = :r and status = 'active'"
                " order by name_key, id"
            ),
            of,
        ).all()
        terms = connection.scalar(
            text("select id from payment_terms where reseller_id = :r limit 1"), of
        )
    engine.dispose()
    numbers = {"second": 49, "deep": len(rows) * 9 // 10, "last": len(rows) - 1}
    places = {
        name: _place([rows[number][0], rows[number][1], number + 1])
        for name, number in numbers.items()
    }
    return {**places, "id": str(rows[len(rows) // 2][1]), "terms": str(terms)}


def _export(stage: Stage) -> tuple[float, int]:
    """Milliseconds of the largest file that is made at once, and its rows."""
    columns = [key for key in DEFAULT_KEYS if key in client_columns.list_columns()]
    wish = Wish("csv", columns, list(columns), "UTC", "clients", "Clients")
    with tenant_scope(Scope((stage.reseller_id,))), unit_of_work() as session:
        started = time.perf_counter()
        query = narrow(select(Client.id), Filters()).order_by(Client.name_key, Client.id)
        ids = list(session.scalars(query.limit(AT_ONCE)))
        export_now(session, ids, wish, BytesIO())
        return (time.perf_counter() - started) * 1000, len(ids)


def _place(values: list[object]) -> str:
    written = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _count(stage: Stage, s: float) -> float:
    """Milliseconds of the capped count of the whole list, straight from the database."""
    with tenant_scope(Scope((stage.reseller_id,))), unit_of_work() as session:
        counted = narrow(select(Client.id), Filters()).limit(COUNT_LIMIT + 1).subquery()
        query = select(func.count()).select_from(counted)
        times = []
        end = time.monotonic() + s
        while time.monotonic() < end:
            started = time.perf_counter()
            session.scalar(query)
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description="Requests a second for the Clients list")
    arguments.add_argument("--clients", type=int, default=1_000_000)
    arguments.add_argument("--resellers", type=int, default=10)
    arguments.add_argument("--seconds", type=int, default=8)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_stage(Path(folder)) as stage:
        print(f"making {chosen.clients} clients of {chosen.resellers} resellers …", flush=True)
        _fill(stage, chosen.clients, chosen.resellers)
        cookie = f"Cookie: office_session={_sign_in(stage)}\r\n"
        port = _free_port()
        environment = _environment(stage, port)
        names = [f"client {n}" for n in (1, 3, 5, 7, 9)]
        bare_paths = ["/clients", *(f"/clients?after={n.replace(' ', '+')}" for n in names)]
        pages = [f"{_LIST}?status=any", f"{_LIST}?sort=-name", _LIST]
        searches = [f"{_LIST}?q=client+77", f"{_LIST}?q=client+901"]
        bare = ("benchmarks.bare_list:app", port, environment, bare_paths, "", chosen.seconds)
        before, bare_alone = _measure(*bare)
        ours, ours_alone = _measure(
            "portal.wsgi:app", port, environment, pages, cookie, chosen.seconds
        )
        search, search_alone = _measure(
            "portal.wsgi:app", port, environment, searches, cookie, chosen.seconds
        )
        after, _ = _measure(*bare)
        answers = _ask(stage, port, environment, cookie, max(1.0, chosen.seconds / 8))
        count_ms = _count(stage, max(1.0, chosen.seconds / 8))
        export_ms, exported = _export(stage)
    reference = (before.per_second + after.per_second) / 2
    print(f"{chosen.clients} clients, 4 processes × 1 thread, 32 connections, requests a second:")
    for name, found, alone in (
        ("reference", before, bare_alone),
        ("ours", ours, ours_alone),
        ("search", search, search_alone),
    ):
        print(
            f"  {name:10} {found.per_second:7.0f}  median {found.median_ms:6.1f} ms, p99"
            f" {found.p99_ms:6.1f} ms; alone {alone.median_ms:5.1f} ms; {found.failures} failed"
        )
    print("each alone, milliseconds at the server (aim: a first page under 30, at most 150):")
    for name, found in answers.items():
        failed = f"; {found.failures} failed" if found.failures else ""
        print(f"  {name:24} median {found.median_ms:6.1f}, p99 {found.p99_ms:6.1f}{failed}")
    print(f"  {'count, in the database':24} median {count_ms:6.1f}")
    print(f"  {'export at once':24} {export_ms:13.1f} for {exported} rows")
    print(f"  ratio      {ours.per_second / reference:7.2f}  ours / reference (aim: 500 a second)")


if __name__ == "__main__":
    main()
