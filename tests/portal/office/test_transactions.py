"""Transactions: booked once, approved, reversed, never deleted, each with its ledger entry."""

from decimal import Decimal

import pytest

from billing import ledger, payment_accounts, tax_profiles
from billing.models import Transaction
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

LIST = "/office/transactions/"


@pytest.fixture
def account_id(acme: Tenant) -> int:
    with tenant_scope(acme.scope), unit_of_work() as session:
        return payment_accounts.get_general(session, acme.id).id


@pytest.fixture
def payment(acme_client: Client, account_id: int) -> dict[str, str]:
    return {
        "transaction_id": str(new_id()),
        "client_id": str(acme_client.id),
        "amount": "12,50",
        "payment_account_id": str(account_id),
        "description": "By cheque",
        "status": "approved",
    }


def live(tenant: Tenant, client: Client) -> Decimal:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return ledger.get_balance(session, client.id).live


class TestPayment:
    address = "/office/transactions/new/payment"

    def test_a_payment_raises_the_balance(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, payment: dict[str, str]
    ) -> None:
        answer = as_owner.post(self.address, data=payment)

        (row,) = desk.stored(acme, Transaction)
        assert answer.status_code == 303
        assert (row.amount, row.author) == (Decimal("12.5"), "owner@acme.example")
        assert live(acme, acme_client) == Decimal("12.5")

    def test_a_second_click_books_nothing_more(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, payment: dict[str, str]
    ) -> None:
        for _click in range(2):
            answer = as_owner.post(self.address, data=payment, headers=HTMX)
            assert '"dialog:close"' in answer.headers["HX-Trigger"]

        assert live(acme, acme_client) == Decimal("12.5")

    def test_the_same_form_with_another_amount_is_refused(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, payment: dict[str, str]
    ) -> None:
        as_owner.post(self.address, data=payment)

        answer = as_owner.post(self.address, data={**payment, "amount": "99"})

        assert answer.status_code == 409
        assert live(acme, acme_client) == Decimal("12.5")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"amount": ""}, "Enter an amount."),
            ({"amount": "abc"}, "Write the amount in digits"),
            ({"amount": "-5"}, "The amount must be more than zero."),
            ({"amount": "1.234"}, "USD has no such small unit."),
            ({"payment_account_id": "0"}, "Not a valid choice"),
            ({"description": "x" * 501}, "Use at most 500 characters."),
        ],
    )
    def test_a_mistake_is_told_and_what_was_typed_stays(
        self,
        as_owner: Browser,
        acme: Tenant,
        payment: dict[str, str],
        changes: dict[str, str],
        message: str,
    ) -> None:
        answer = as_owner.post(self.address, data={**payment, **changes})

        assert answer.status_code == 422
        assert message in answer.text
        assert payment["transaction_id"] in answer.text, "the id of the drawn form stays"
        assert desk.stored(acme, Transaction) == []

    def test_a_pending_payment_moves_nothing_until_it_is_approved(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, payment: dict[str, str]
    ) -> None:
        as_owner.post(self.address, data={**payment, "status": "pending"})
        assert live(acme, acme_client) == 0
        address = f"/office/transactions/{payment['transaction_id']}"
        assert "a pending transaction moves no balance" in as_owner.get(address).text

        for _click in range(2):
            assert as_owner.post(f"{address}/approve").status_code == 303

        assert live(acme, acme_client) == Decimal("12.5")

    def test_a_day_of_the_past_is_midnight_in_the_clients_zone(
        self, as_owner: Browser, acme: Tenant, payment: dict[str, str]
    ) -> None:
        as_owner.post(self.address, data={**payment, "dated_on": "2026-03-01"})

        (row,) = desk.stored(acme, Transaction)
        assert row.dated_at.isoformat() == "2026-03-01T05:00:00+00:00"


class TestCharge:
    address = "/office/transactions/new/charge"

    def form(self, client: Client, **changes: str) -> dict[str, str]:
        given = {
            "transaction_id": str(new_id()),
            "client_id": str(client.id),
            "amount": "100",
            "tax_mode": "excluding",
            "status": "approved",
        }
        return {**given, **changes}

    @pytest.fixture
    def vat(self, acme: Tenant) -> None:
        with tenant_scope(acme.scope), unit_of_work() as session:
            tax_profiles.create_profile(
                session,
                reseller_id=acme.id,
                name="VAT",
                taxes=[("VAT", Decimal(19), 1)],
                is_default=True,
            )

    @pytest.mark.parametrize(
        ("mode", "total"), [("excluding", "-119"), ("including", "-100"), ("none", "-100")]
    )
    def test_a_charge_carries_the_clients_taxes(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, vat: None, mode: str, total: str
    ) -> None:
        as_owner.post(self.address, data=self.form(acme_client, tax_mode=mode))

        assert live(acme, acme_client) == Decimal(total)

    def test_the_amount_is_read_back_with_its_taxes_before_it_is_booked(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, vat: None
    ) -> None:
        answer = as_owner.get(
            f"{self.address}/amount",
            query_string={"client_id": acme_client.id, "amount": "1234,5", "tax_mode": "excluding"},
            headers=HTMX,
        )

        assert "1,234.50" in answer.text
        assert "1,469.06" in answer.text
        assert desk.stored(acme, Transaction) == []

    def test_an_amount_that_cannot_be_read_is_told(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        answer = as_owner.get(
            f"{self.address}/amount",
            query_string={"client_id": acme_client.id, "amount": "1.2.3"},
            headers=HTMX,
        )

        assert "Write the amount in digits" in answer.text

    def test_the_detail_shows_taxes_and_a_ledger_entry_that_sums_to_zero(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, vat: None
    ) -> None:
        charge_id = desk.charge(acme, acme_client, "100", description="Porting")

        text = as_owner.get(f"/office/transactions/{charge_id}").text

        for words in ("VAT 19%", "Client, live", "Revenue", "-119.00", "Sum of the lines"):
            assert words in text, words


class TestReverse:
    def test_a_reversal_takes_the_amount_back_and_names_the_reason(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        payment_id = desk.pay(acme, acme_client, "50")
        form = {"reversal_id": str(new_id()), "reason": "Bounced"}

        for _click in range(2):
            answer = as_owner.post(f"/office/transactions/{payment_id}/reverse", data=form)
            assert answer.status_code == 303

        rows = desk.stored(acme, Transaction)
        assert live(acme, acme_client) == 0
        assert len(rows) == 2, "the original stays"
        assert {row.reason for row in rows} == {"", "Bounced"}

    def test_it_needs_a_reason(self, as_owner: Browser, acme: Tenant, acme_client: Client) -> None:
        payment_id = desk.pay(acme, acme_client, "50")

        answer = as_owner.post(
            f"/office/transactions/{payment_id}/reverse",
            data={"reversal_id": str(new_id()), "reason": " "},
        )

        assert answer.status_code == 422
        assert "Enter the reason." in answer.text
        assert live(acme, acme_client) == 50

    def test_another_reversal_of_the_same_is_refused(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        payment_id = desk.pay(acme, acme_client, "50")
        for expected in (303, 409):
            form = {"reversal_id": str(new_id()), "reason": "Bounced"}
            answer = as_owner.post(f"/office/transactions/{payment_id}/reverse", data=form)
            assert answer.status_code == expected


class TestList:
    def test_it_is_newest_first_and_filtered(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        other = make_client(acme, "Other Ltd")
        desk.pay(acme, acme_client, "1", dated_at=desk.some_days_ago(40))
        desk.charge(acme, other, "2", dated_at=desk.some_days_ago(20))
        desk.pay(acme, other, "3", status="pending")

        def names(query: str) -> list[str]:
            return desk.names_in(as_owner.get(LIST + query))

        assert names("") == ["Other Ltd", "Other Ltd", "Orbit Calls"]
        assert names("?sort=date") == ["Orbit Calls", "Other Ltd", "Other Ltd"]
        assert names(f"?client={acme_client.id}") == ["Orbit Calls"]
        assert names("?kind=extra_charge") == ["Other Ltd"]
        assert names("?status=pending") == ["Other Ltd"]
        assert names("?q=orbit") == ["Orbit Calls"]
        assert names("?period=week") == ["Other Ltd"]
        assert names("?period=custom&from=2020-01-01&to=2020-12-31") == []
        assert names("?period=custom&from=not-a-day") == ["Other Ltd", "Other Ltd", "Orbit Calls"]

    def test_pages_are_stable_where_dates_are_equal(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        at = desk.some_days_ago(3)
        for _number in range(70):
            desk.pay(acme, acme_client, "1", dated_at=at)

        first = as_owner.get(LIST)
        second = as_owner.get(desk.link(first, "Next"))
        shown = [text.count("Why: the ledger entry") // 2 for text in (first.text, second.text)]

        assert shown == [50, 20]
        assert desk.link(second, "Next") == ""

    def test_a_filter_by_another_tenants_client_is_not_found(
        self, as_owner: Browser, globex_client: Client
    ) -> None:
        theirs = as_owner.get(f"{LIST}?client={globex_client.id}")
        missing = as_owner.get(f"{LIST}?client=999999")

        assert (theirs.status_code, missing.status_code) == (404, 404)


def test_the_client_is_chosen_by_search_not_from_a_list_of_all(
    as_owner: Browser, acme: Tenant, acme_client: Client, globex_client: Client
) -> None:
    for number in range(15):
        make_client(acme, f"Filler {number}")
    address = "/office/transactions/new/payment"

    first = as_owner.get(address, headers=HTMX)
    found = as_owner.get(f"{address}?q=orb", headers=HTMX)

    assert first.text.count("<li>") == 10
    assert "Orbit Calls" in found.text
    assert "Nebula" not in as_owner.get(f"{address}?q=neb", headers=HTMX).text


def test_a_type_that_does_not_exist_is_not_found(as_owner: Browser) -> None:
    assert as_owner.get("/office/transactions/new/refund").status_code == 404
