"""Payment accounts: which money they take, what they print, and when they can go."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from billing import invoice_contents, payment_accounts, transactions
from billing.models import PaymentAccount
from billing.payment_accounts import AccountWish
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from tenants.clients import get_client
from tenants.stamps import make_stamp
from tests.billing.books import Books

D = Decimal


def make(books: Books, name: str = "Bank", **wish) -> int:
    with books.work() as session:
        return payment_accounts.create_account(
            session, reseller_id=books.tenant.id, name=name, wish=AccountWish(name, **wish)
        ).id


def change(books: Books, account_id: int, wish: AccountWish, stamp: str | None = None) -> None:
    with books.work() as session:
        account = payment_accounts.get_account(session, account_id)
        shown = make_stamp(payment_accounts.facts(account))
        payment_accounts.update_account(session, account_id, wish, stamp=stamp or shown)


def pay(books: Books, account_id: int) -> None:
    with books.work() as session:
        transactions.create_payment(
            session,
            transaction_id=new_id(),
            client_id=books.client.id,
            amount=D(10),
            payment_account_id=account_id,
        )


def test_an_account_takes_the_money_it_is_for(acme: Books):
    euros, off = make(acme, currency="EUR"), make(acme, "Old bank", is_active=False)
    for account_id in (euros, off):
        with pytest.raises(InvalidInputError) as refused:
            pay(acme, account_id)
        assert refused.value.field == "payment_account_id"
    pay(acme, make(acme, "Dollars", currency="USD"))
    with acme.work() as session:
        usable = payment_accounts.list_usable(session, acme.tenant.id, "USD")
    assert [one.name for one in usable] == ["General", "Dollars"]


def test_what_a_gateway_took_is_booked_whatever_the_account_says(acme: Books):
    off = make(acme, is_active=False)
    with acme.work() as session:
        transactions.record_gateway_payment(
            session,
            source_id=new_id(),
            client_id=acme.client.id,
            amount=D(10),
            currency="USD",
            payment_account_id=off,
            description="Card",
        )


def test_money_that_moved_holds_the_account_and_its_currency(acme: Books):
    account_id = make(acme)
    pay(acme, account_id)
    with pytest.raises(InvalidInputError) as refused:
        change(acme, account_id, AccountWish("Bank", currency="EUR"))
    assert refused.value.field == "currency"
    change(acme, account_id, AccountWish("Bank", currency="USD"))
    with acme.work() as session, pytest.raises(ConflictError):
        payment_accounts.delete_account(session, account_id)


def test_general_is_never_changed_nor_deleted(acme: Books):
    with acme.work() as session:
        general = payment_accounts.get_general(session, acme.tenant.id)
    with pytest.raises(ConflictError):
        change(acme, general.id, AccountWish("Mine"))
    with acme.work() as session, pytest.raises(ConflictError):
        payment_accounts.delete_account(session, general.id)


def test_one_account_is_first_for_gateways_and_nobody_saves_over_another(acme: Books):
    first, second = make(acme, "A", for_gateways=True), make(acme, "B", for_gateways=True)
    with acme.work() as session:
        offered = payment_accounts.list_for_gateways(session, acme.tenant.id)
        assert offered[0].id == second
        assert session.scalars(
            select(PaymentAccount.id).where(PaymentAccount.for_gateways)
        ).all() == [second]
    with pytest.raises(InvalidInputError):
        change(acme, second, AccountWish("B", is_active=False, for_gateways=True))
    with pytest.raises(ConflictError):
        change(acme, first, AccountWish("C"), stamp="another")


def test_invoices_print_the_accounts_of_the_clients_currency(acme: Books):
    make(acme, "Euros", currency="EUR", details="IBAN DE00")
    make(acme, "Dollars", currency="USD", details="ABA 021000021")
    make(acme, "Any", details="SWIFT ANYBUS33")
    make(acme, "Closed", details="Closed bank", is_active=False)
    with acme.work() as session:
        parties = invoice_contents.read_parties(session, get_client(session, acme.client.id))
    printed = parties["seller"]["account_details"]
    assert "SWIFT ANYBUS33\nABA 021000021" in printed
    assert "IBAN" not in printed
    assert "Closed" not in printed


def test_another_tenants_account_is_not_there(acme: Books, globex: Books):
    account_id = make(globex)
    with acme.work() as session, pytest.raises(NotFoundError):
        payment_accounts.delete_account(session, account_id)
