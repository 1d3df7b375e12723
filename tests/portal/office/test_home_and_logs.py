"""The dashboard, the events log and the audit log."""

from datetime import timedelta

import pytest

from core.clock import now
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments.auto_payment import AutoPayment
from tenants import events
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import Browser
from tests.portal.office import desk


def note(tenant: Tenant, text: str, client: Client | None = None, **changes: str) -> None:
    given = {"level": "warning", "service": "payments", "code": "noticed", **changes}
    with tenant_scope(tenant.scope), unit_of_work() as session:
        events.record(
            session,
            reseller_id=tenant.id,
            client_id=None if client is None else client.id,
            text=text,
            **given,
        )


class TestDashboard:
    def test_it_counts_what_needs_attention(
        self,
        as_owner: Browser,
        acme: Tenant,
        acme_client: Client,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        desk.pay(acme, acme_client, "5", status="pending")
        desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
        desk.invoice(acme, acme_client)
        for _mail in range(3):
            desk.mail(acme, acme_client, state="failed")
        desk.suspend(acme, make_client(acme, "Declined Ltd", auto=AutoPayment(enabled=True)))
        note(acme, "Something happened", acme_client)
        later = now() + timedelta(days=2)
        monkeypatch.setattr("core.clock.now", lambda: later)

        text = " ".join(as_owner.get("/office/").text.split())

        for count, label in (
            (1, "overdue invoices"),
            (0, "refills held or unknown"),
            (1, "auto payments suspended"),
            (3, "mails failed"),
            (1, "transactions to approve"),
        ):
            assert f'{count}</span><span class="attention-label">{label}' in text, label
        assert "Declined Ltd" in text
        assert "Something happened" in text
        assert ">40.00" in text, "owed to us"

    def test_another_tenants_figures_are_not_in_it(
        self, as_stranger: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.charge(acme, acme_client, "40")
        note(acme, "Of Acme only")

        text = as_stranger.get("/office/").text

        assert "Of Acme only" not in text
        assert "40.00" not in text
        assert "There are no clients yet." in text

    def test_a_viewer_may_open_it(self, as_viewer: Browser) -> None:
        assert as_viewer.get("/office/").status_code == 200


class TestEvents:
    address = "/office/events/"

    def test_newest_first_and_filtered(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        note(acme, "First", level="info", service="mail")
        note(acme, "Second", acme_client, level="error")

        def names(query: str) -> list[str]:
            return desk.names_in(as_owner.get(self.address + query))

        assert names("") == ["Second", "First"]
        assert names("?level=error") == ["Second"]
        assert names("?service=mail") == ["First"]
        assert names("?q=SEC") == ["Second"]
        assert names(f"?client={acme_client.id}") == ["Second"]

    def test_ten_thousand_events_are_read_page_by_page(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        for number in range(120):
            note(acme, f"Event {number:03}")
        seen, address = [], self.address
        while address:
            answer = as_owner.get(address)
            seen += desk.names_in(answer)
            address = desk.link(answer, "Next")

        assert seen == [f"Event {number:03}" for number in reversed(range(120))]

    def test_nothing_of_another_tenant(self, as_stranger: Browser, acme: Tenant) -> None:
        note(acme, "Of Acme only")

        assert "Of Acme only" not in as_stranger.get(self.address).text


class TestAudit:
    address = "/office/audit/"

    def test_it_tells_who_changed_what_from_where(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        as_owner.post(
            f"/office/clients/{acme_client.id}/status", data={"status": "stop", "version": 1}
        )

        text = as_owner.get(f"{self.address}?client={acme_client.id}").text

        assert "owner@acme.example" in text
        assert "127.0.0.1" in text
        assert "active → stop" in text

    def test_it_filters_by_object_and_person(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        desk.pay(acme, acme_client, "5", description="By cheque")

        only = as_owner.get(f"{self.address}?object=transaction").text

        assert "By cheque" in only
        assert "Orbit Calls" not in only
        assert "No record matches" in as_owner.get(f"{self.address}?q=nobody").text

    def test_a_viewer_reads_it_and_a_stranger_sees_nothing_of_it(
        self, as_viewer: Browser, as_stranger: Browser, acme_client: Client
    ) -> None:
        assert "Orbit Calls" in as_viewer.get(self.address).text
        assert "Orbit Calls" not in as_stranger.get(self.address).text


@pytest.mark.parametrize(
    "path",
    ["clients", "transactions", "invoices", "refills", "mail", "events", "audit",
     "payment-terms", "tax-profiles", "gateways"],
)  # fmt: skip
def test_every_list_of_a_new_reseller_says_what_will_stand_there(
    as_stranger: Browser, path: str
) -> None:
    answer = as_stranger.get(f"/office/{path}/")

    assert answer.status_code == 200
    assert 'class="empty' in answer.text or path == "audit"
    assert "<table" not in answer.text or path == "audit"


WRITES = [
    ("get", "/office/clients/new"),
    ("post", "/office/clients/new"),
    ("get", "/office/clients/{client}/edit"),
    ("post", "/office/clients/{client}/edit"),
    ("post", "/office/clients/{client}/status"),
    ("get", "/office/transactions/new/payment"),
    ("post", "/office/transactions/new/charge"),
    ("get", "/office/invoices/new"),
    ("post", "/office/invoices/new"),
    ("get", "/office/refills/new"),
    ("post", "/office/refills/new"),
    ("post", "/office/refills/resume/{client}"),
    ("get", "/office/tax-profiles/new"),
    ("post", "/office/gateways/new"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_viewer_is_refused_whatever_writes(
    as_viewer: Browser, acme_client: Client, method: str, path: str
) -> None:
    answer = getattr(as_viewer, method)(path.format(client=acme_client.id))

    assert answer.status_code == 403
