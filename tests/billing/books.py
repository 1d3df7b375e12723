"""One tenant's books for a test: short words for what the tests of billing say over and over."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from billing import client_billing, explain, invoices, ledger, payment_accounts, transactions
from billing.invoice_models import Invoice
from billing.models import ClientBilling, Transaction
from core.db import Session
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants.clients import get_client
from tests.factories import cast


@dataclass(frozen=True)
class Books:
    """A tenant and one client of it, in the scope of the tenant's owner."""

    tenant: cast.Tenant
    client: cast.Client
    account_id: int

    @contextmanager
    def work(self) -> Iterator[Session]:
        with tenant_scope(self.tenant.scope), unit_of_work() as session:
            yield session

    def with_client(self, name: str = "Another", **details) -> "Books":
        return Books(self.tenant, cast.make_client(self.tenant, name, **details), self.account_id)

    def pay(self, amount: str, **details) -> UUID:
        payment_id = details.pop("transaction_id", None) or new_id()
        with self.work() as session:
            transactions.create_payment(
                session,
                transaction_id=payment_id,
                client_id=self.client.id,
                amount=Decimal(amount),
                payment_account_id=self.account_id,
                **details,
            )
        return payment_id

    def charge(self, amount: str, **details) -> UUID:
        charge_id = details.pop("transaction_id", None) or new_id()
        with self.work() as session:
            transactions.create_charge(
                session,
                transaction_id=charge_id,
                client_id=self.client.id,
                amount=Decimal(amount),
                **details,
            )
        return charge_id

    def reverse(self, transaction_id: UUID, reason: str = "A mistake") -> UUID:
        reversal_id = new_id()
        with self.work() as session:
            transactions.reverse(session, transaction_id, reversal_id=reversal_id, reason=reason)
        return reversal_id

    def invoice(self, period, **details) -> Invoice | None:
        with self.work() as session:
            return invoices.create_invoice(
                session,
                invoice_id=details.pop("invoice_id", None) or new_id(),
                client_id=self.client.id,
                period=period,
                autoinvoice=details.pop("autoinvoice", True),
                **details,
            )

    def balances(self) -> tuple[Decimal, Decimal, Decimal | None]:
        """Live, Fixed, Available as stored."""
        with self.work() as session:
            available = explain.explain_balance(session, self.client.id, "available").balance
            balance = ledger.get_balance(session, self.client.id)
            return balance.live, balance.fixed, available

    def transaction(self, transaction_id: UUID) -> Transaction:
        with self.work() as session:
            return transactions.get_transaction(session, transaction_id)

    def stored_invoices(self) -> list[Invoice]:
        with self.work() as session:
            return list(
                session.scalars(
                    select(Invoice)
                    .where(Invoice.client_id == self.client.id)
                    .order_by(Invoice.starts_at)
                )
            )

    def billing_row(self) -> ClientBilling:
        with self.work() as session:
            return session.scalars(
                select(ClientBilling).where(ClientBilling.client_id == self.client.id)
            ).one()

    def save_billing(self, **details) -> None:
        with self.work() as session:
            client_billing.save_billing(
                session,
                get_client(session, self.client.id),
                client_billing.Billing(**details),
            )


def open_books(name: str, code: str, *, currency="USD", timezone="America/New_York", **client):
    tenant = cast.make_tenant(name, code, currency=currency, timezone=timezone)
    with tenant_scope(tenant.scope), unit_of_work() as session:
        account_id = payment_accounts.get_general(session, tenant.id).id
    made = cast.make_client(
        tenant, f"Client of {name}", currency=currency, timezone=timezone, **client
    )
    return Books(tenant, made, account_id)


def at_once(*steps: Callable[[], object]) -> list[object]:
    """Run every step in a thread of its own, all released together; their results or errors."""
    gate = threading.Barrier(len(steps))
    results: list[object] = [None] * len(steps)

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = steps[index]()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")
