"""Invoices a second, all in: charges read, lines, tax, number, ledger, PDF, mail row.

`python -m benchmarks.invoicing [--clients 300] [--lines 10] [--workers 4]` fills a fresh database
with clients and charges, then invoices half of them by one process and the other half by several,
as the worker does it: one transaction makes and issues the invoice, one draws and stores the PDF,
one queues its mail. It proves at the end that numbers have no gap and that every invoice has its
file and its mail. `--clients 10000` is the run of the claim.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import create_engine, text

from benchmarks.stage import Stage, open_stage
from billing import (
    autoinvoicing,
    invoice_drawing,
    invoice_mailing,
    invoices,
    payment_terms,
    tax_profiles,
    transactions,
)
from billing.client_billing import Billing, save_billing
from billing.invoice_models import Invoice
from billing.invoice_pdf import InvoiceDocument
from core import platform_uow, uow
from core.clock import today
from core.config import Settings
from core.db import Session
from core.engines import dispose_engines
from core.ids import new_id
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from mail import queue
from tenants.clients import get_client

PRICE = Decimal("0.0125")
R = TypeVar("R")


@dataclass(frozen=True)
class Done:
    """What one worker did: invoices, seconds in all, of its CPU, in drawing; memory in MiB."""

    count: int
    seconds: float
    cpu: float
    drawing: float
    memory: int


def _fill(stage: Stage, clients: list[int], lines: int, workers: int) -> None:
    """Monthly terms, a tax profile, an address and `lines` charges of last month for each."""
    engine = create_engine(stage.postgres.url("postgres", "portal"))
    with engine.begin() as connection:
        for statement in (
            "insert into client_billing (client_id, reseller_id)"
            " select id, reseller_id from clients on conflict do nothing",
            "insert into client_companies (client_id, reseller_id, company_name, address,"
            " billing_email) select id, reseller_id, name || ' Ltd', E'1 Harbour Street\\nDublin',"
            " 'bills' || id || '@client.example' from clients",
            "update resellers set company_name = 'Bench Telecom Ltd', address = 'Dublin',"
            " account_details = 'IBAN IE29 AIBK 9311 5212 3456 78'",
        ):
            connection.execute(text(statement))
    engine.dispose()
    with tenant_scope(Scope((stage.reseller_id,))), unit_of_work() as session:
        tax_profiles.create_profile(
            session,
            reseller_id=stage.reseller_id,
            name="VAT",
            taxes=[("VAT", Decimal(19), 1)],
            is_default=True,
        )
        terms_id = payment_terms.create_terms(
            session, reseller_id=stage.reseller_id, name="Monthly", day_of_month=1, grace_days=14
        ).id
    _in_processes(stage, _charge_all, clients, workers, terms_id, lines)


def _last_month() -> tuple[date, date]:
    """Its first and its last day in UTC."""
    last = today(get_zone("UTC")).replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def _charge_all(
    settings: Settings, reseller_id: int, clients: list[int], terms_id: int, lines: int
) -> None:
    _configure(settings)
    first, _last = _last_month()
    at = datetime.combine(first, datetime.min.time(), UTC) + timedelta(days=9)
    with tenant_scope(Scope((reseller_id,))):
        for client in clients:
            with unit_of_work() as session:
                save_billing(
                    session,
                    get_client(session, client),
                    Billing(
                        payment_terms_id=terms_id,
                        autoinvoicing=True,
                        last_invoiced_on=first - timedelta(days=1),
                    ),
                )
                for number in range(lines):
                    quantity = Decimal(17 * number + client % 97 + 1)
                    transactions.create_charge(
                        session,
                        transaction_id=new_id(),
                        client_id=client,
                        amount=quantity * PRICE,
                        kind="services_charge",
                        dated_at=at,
                        description=f"Calls to destination {number}, account {client}",
                        quantity=quantity,
                    )
    dispose_engines()


def _configure(settings: Settings) -> None:
    uow.configure(settings)
    platform_uow.configure(settings)
    queue.configure(settings)


def _in_processes(
    stage: Stage, work: Callable[..., R], clients: list[int], workers: int, *more: object
) -> list[R]:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        wanted = [
            pool.submit(work, stage.settings, stage.reseller_id, clients[number::workers], *more)
            for number in range(workers)
        ]
        return [one.result() for one in wanted]


def _invoice_all(settings: Settings, reseller_id: int, clients: list[int]) -> Done:
    _configure(settings)
    drawing = 0.0
    draw = invoice_drawing.draw_invoice

    def timed(session: Session, invoice: Invoice, document: InvoiceDocument) -> bytes:
        nonlocal drawing
        begun = time.perf_counter()
        drawn = draw(session, invoice, document)
        drawing += time.perf_counter() - begun
        return drawn

    invoices.draw_invoice = timed  # type: ignore[attr-defined]  # the very name that it calls
    begun, cpu = time.perf_counter(), time.process_time()
    with tenant_scope(Scope((reseller_id,))):
        for client in clients:
            _invoice_one(client)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    dispose_engines()
    return Done(len(clients), seconds, cpu, drawing, memory)


def _invoice_one(client: int) -> None:
    """As the worker does it, a transaction each: make and issue, draw and store, queue the mail."""
    with unit_of_work() as session:
        made = autoinvoicing.invoice_next_period(session, client)
    if not isinstance(made, Invoice):
        raise SystemExit(f"no invoice for client {client}: {made}")
    with unit_of_work() as session:
        invoices.store_file(session, made.id)
    with unit_of_work() as session:
        invoice_mailing.mail_invoice(session, made.id)


def _run(stage: Stage, clients: list[int], workers: int) -> None:
    results = _in_processes(stage, _invoice_all, clients, workers)
    count = sum(one.count for one in results)
    # start-up and imports of the processes are not invoicing
    seconds = max(one.seconds for one in results)
    share = sum(one.drawing for one in results) / sum(one.seconds for one in results)
    memory = max(one.memory for one in results)
    # a busy machine stretches seconds, not the CPU that an invoice takes
    cpu = sum(one.cpu for one in results) / count * 1000
    print(
        f"  workers {workers:2}  {count / seconds:7.1f} invoices a second,"
        f" {count} in {seconds:.1f} s; PDF {share:.0%} of the time;"
        f" {cpu:.0f} ms of CPU an invoice, {memory} MiB a worker"
    )


def _prove(stage: Stage, count: int) -> None:
    """Every client has one invoice with file and mail, and the numbers have no gap."""
    engine = create_engine(stage.postgres.url("postgres", "portal"))
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select count(*), max(running_number) - min(running_number) + 1,"
                " count(file_id), count(sent_at), count(distinct client_id),"
                " bool_and(total = net + tax + rounding), (select count(*) from mail_messages)"
                " from invoices"
            )
        ).one()
    engine.dispose()
    if tuple(found) != (count, count, count, count, count, True, count):
        raise SystemExit(f"not every invoice is whole: {tuple(found)}")
    print(f"proven: {count} invoices, numbers without gaps, each with its file and its mail")


def main() -> None:
    arguments = argparse.ArgumentParser(description="Invoices a second, all in")
    arguments.add_argument("--clients", type=int, default=300)
    arguments.add_argument("--lines", type=int, default=10)
    arguments.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_stage(Path(folder)) as stage:
        clients = stage.make_clients(chosen.clients)
        _fill(stage, clients, chosen.lines, chosen.workers)
        print(f"{chosen.clients} clients, {chosen.lines} lines each, fsync on, all in:")
        half = len(clients) // 2
        _run(stage, clients[:half], 1)
        _run(stage, clients[half:], chosen.workers)
        _prove(stage, len(clients))


if __name__ == "__main__":
    main()
