"""The Vouchers screens: a series is made, its PINs are given once, vouchers are moved."""

from typing import Any

import pytest
from sqlalchemy import select

from billing.voucher_models import Voucher, VoucherSeries
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants.models import AuditRecord
from tests.factories import cast
from tests.factories.cast import Tenant
from tests.portal.browser import Browser
from tests.portal.office import desk
from worker.task_turns import run_turn

HOME = "/office/vouchers/"


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "request_id": str(new_id()),
        "name": "summer",
        "amount": "12.50",
        "currency": "USD",
        "quantity": "4",
        "pin_length": "14",
        "payment_account_id": "",
        "is_active": "y",
        **changes,
    }


def make(browser: Browser, tenant: Tenant, **changes: Any) -> VoucherSeries:
    form = wish(**changes)
    for _click in range(2):
        assert browser.post(HOME + "new", data=form).status_code == 303
    found = series_of(tenant)[-1]
    with tenant_scope(tenant.scope):
        run_turn(found.task_id)
    return found


def series_of(tenant: Tenant) -> list[VoucherSeries]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return list(session.scalars(select(VoucherSeries).order_by(VoucherSeries.id)))


def states(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return list(session.scalars(select(Voucher.state).order_by(Voucher.number)))


def pins_of(browser: Browser, series: VoucherSeries) -> list[str]:
    answer = browser.post(f"{HOME}series/{series.id}/pins", data={"format": "csv"})
    assert answer.mimetype == "text/csv"
    return [line.split(",")[1] for line in answer.text.splitlines()[1:]]


def test_a_series_is_made_once_and_its_pins_are_given_once(as_owner: Browser, acme: Tenant) -> None:
    series = make(as_owner, acme)
    assert len(series_of(acme)) == 1
    page = as_owner.get(f"{HOME}series/{series.id}").text
    assert "Download CSV" in page

    assert len(set(pins_of(as_owner, series))) == 4
    again = as_owner.post(f"{HOME}series/{series.id}/pins", data={"format": "csv"})
    assert again.status_code == 303
    assert "no longer kept" in as_owner.get(f"{HOME}series/{series.id}").text
    with tenant_scope(acme.scope), unit_of_work() as session:
        taken = session.scalars(
            select(AuditRecord.actor_label).where(AuditRecord.action == "take_pins")
        ).all()
    assert taken == [acme.owner_email]


def test_the_file_is_a_spreadsheet_where_that_is_wished(as_owner: Browser, acme: Tenant) -> None:
    series = make(as_owner, acme)
    answer = as_owner.post(f"{HOME}series/{series.id}/pins", data={"format": "xlsx"})
    assert answer.data[:2] == b"PK"
    assert "vouchers-SUMMER.xlsx" in answer.headers["Content-Disposition"]


def test_a_viewer_sees_vouchers_and_neither_makes_nor_moves_nor_takes_them(
    as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    series = make(as_owner, acme)
    page = as_viewer.get(f"{HOME}series/{series.id}")
    assert page.status_code == 200
    assert "Download CSV" not in page.text
    assert "SUMMER-000001" in as_viewer.get(HOME + "all").text
    for address in ("new", f"series/{series.id}/pins", f"series/{series.id}/block"):
        assert as_viewer.post(HOME + address, data=wish()).status_code == 403


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "a b"}, "Use letters, digits and hyphens"),
        ({"amount": "0"}, "The amount must be more than zero."),
        ({"amount": "0.001"}, "USD has no such small unit."),
        ({"quantity": "0"}, "Make 1 to 100,000 vouchers at once."),
        ({"quantity": "x"}, "Not a valid integer value."),
        ({"pin_length": "10", "quantity": "101"}, "more could be guessed"),
        ({"expires_on": "2020-01-01"}, "Choose a day that is not over yet."),
        ({"payment_account_id": "8999999"}, "Not a valid choice."),
    ],
)
def test_a_mistake_is_told_and_nothing_is_made(
    as_owner: Browser, acme: Tenant, changes: dict[str, str], message: str
) -> None:
    answer = as_owner.post(HOME + "new", data=wish(**changes))
    assert (answer.status_code, message in answer.text) == (422, True), answer.text
    assert series_of(acme) == []


def test_a_part_of_a_series_is_activated_and_one_voucher_blocked(
    as_owner: Browser, acme: Tenant
) -> None:
    series = make(as_owner, acme, is_active="")
    address = f"{HOME}series/{series.id}/activate"
    assert as_owner.get(address).status_code == 200
    moved = as_owner.post(address, data={"first": "2", "last": "3"}, headers={"HX-Request": "true"})
    assert "2 vouchers were changed." in moved.headers["HX-Trigger"]
    assert states(acme) == ["new", "active", "active", "new"]
    wrong = as_owner.post(address, data={"first": "3", "last": "2"})
    assert (wrong.status_code, "Choose numbers from 1 to 4." in wrong.text) == (422, True)

    (voucher, *_more) = desk.stored(acme, Voucher, number=2)
    block = f"{HOME}{voucher.id}/block"
    assert as_owner.post(block, data={"reason": "stolen"}).status_code == 303
    assert states(acme) == ["new", "blocked", "active", "new"]
    assert as_owner.post(f"{HOME}{voucher.id}/activate", data={}).status_code == 409
    page = as_owner.get(f"{HOME}all?state=blocked&series={series.id}").text
    assert "SUMMER-000002" in page
    assert "stolen" in page
    assert "SUMMER-000001" not in page
    found = as_owner.get(f"{HOME}all?q=summer-3").text
    assert "SUMMER-000003" in found
    assert "SUMMER-000002" not in found


def test_staff_redeem_on_the_clients_page_and_read_why_not(as_owner: Browser, acme: Tenant) -> None:
    client = cast.make_client(acme, "Orbit Calls")
    (pin, other, *_more) = pins_of(as_owner, make(as_owner, acme))
    form = {"client": str(client.id), "redemption_id": str(new_id()), "pin": pin}
    for _click in range(2):
        assert as_owner.post(HOME + "redeem", data=form).status_code == 303
    (voucher,) = desk.stored(acme, Voucher, state="redeemed")
    assert voucher.client_id == client.id

    again = {**form, "redemption_id": str(new_id())}
    refused = as_owner.post(HOME + "redeem", data=again)
    assert refused.status_code == 422
    assert "This client has redeemed the voucher SUMMER-000001 already." in refused.text
    unknown = as_owner.post(HOME + "redeem", data={**again, "pin": "1" * 14})
    assert "No voucher has this PIN." in unknown.text
    assert other not in unknown.text


def test_a_long_list_is_paged_by_keyset(as_owner: Browser, acme: Tenant) -> None:
    make(as_owner, acme, quantity="120")
    first = as_owner.get(HOME + "all").text
    assert "SUMMER-000120" in first
    assert "SUMMER-000070" not in first
    assert "1–50 of 120" in first
