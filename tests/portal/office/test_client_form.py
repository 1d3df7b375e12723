"""The client form: one transaction over all blocks, errors at their fields, nothing done twice."""

import html
import re
import threading
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from billing import client_billing, payment_terms
from billing.client_billing import Billing
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import auto_payment
from tenants import client_blocks
from tenants.clients import General, get_client, update_client
from tenants.models import AuditRecord, ClientLogin
from tenants.models import Client as ClientRow
from tests.factories.cast import Client, Tenant, make_client, make_tenant
from tests.portal.browser import HTMX, Browser, signed_in
from tests.portal.office import desk

NEW = "/office/clients/new"
PASSWORD = "a long enough secret"


def filled(**changes: object) -> dict[str, object]:
    """The form of a simple new client."""
    given: dict[str, object] = {
        "request_id": str(new_id()),
        "general-name": "Comet Lines",
        "general-currency": "USD",
        "general-timezone": "America/New_York",
        "general-status": "active",
        "general-is_originator": "y",
        "credit-credit": "0",
    }
    return {**given, **changes}


def all_blocks(**changes: object) -> dict[str, object]:
    return filled(
        **{
            "general-tags": "Wholesale, vip , Wholesale",
            "panel-enabled": "y",
            "panel-login": "comet",
            "panel-password": PASSWORD,
            "credit-credit": "1234,5",
            "invoicing-last_invoiced_on": "2026-01-31",
            "auto-enabled": "y",
            "auto-extra_amount": "12,50",
            "auto-month_cap": "500",
            "company-company_name": "Comet Lines Inc",
            "company-billing_email": "bills@comet.example",
            **changes,
        }
    )


def only_client(tenant: Tenant) -> ClientRow:
    (row,) = desk.stored(tenant, ClientRow)
    return row


class TestNew:
    def test_the_form_has_the_resellers_own_currency_and_zone(self, as_owner: Browser) -> None:
        text = as_owner.get(NEW).text

        assert 'value="America/New_York"' in text
        assert '<option selected value="USD">' in text

    def test_every_block_is_saved_at_once(self, as_owner: Browser, acme: Tenant) -> None:
        answer = as_owner.post(NEW, data=all_blocks())

        client = only_client(acme)
        assert answer.status_code == 303
        assert answer.location == f"/office/clients/{client.id}"
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert client.name_key == "comet lines"
            assert set(client_blocks.list_tags(session, client.id)) == {"vip", "Wholesale"}
            assert client_blocks.get_panel_login(session, client.id).login == "comet"
            company = client_blocks.get_company(session, client.id)
            assert company.billing_email == "bills@comet.example"
            billing = client_billing.get_billing(session, client.id)
            assert billing.credit == Decimal("1234.5")
            assert billing.last_invoiced_on == date(2026, 1, 31)
            auto = auto_payment.get_auto_payment(session, client.id)
            assert (auto.enabled, auto.extra_amount, auto.month_cap) == (True, Decimal("12.5"), 500)

    def test_in_the_dialog_it_closes_and_the_list_is_told(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        answer = as_owner.post(NEW, data=filled(), headers=HTMX)

        assert answer.status_code == 200
        assert '"dialog:close"' in answer.headers["HX-Trigger"]
        assert '"clients-changed"' in answer.headers["HX-Trigger"]
        assert answer.headers["HX-Reswap"] == "none"

    def test_a_second_click_makes_no_second_client(self, as_owner: Browser, acme: Tenant) -> None:
        form = all_blocks()

        first, second = as_owner.post(NEW, data=form), as_owner.post(NEW, data=form)

        assert (first.status_code, second.status_code) == (303, 303)
        assert first.location == second.location
        only_client(acme)

    def test_two_clicks_at_the_same_moment_make_one_client(self, app: Flask, acme: Tenant) -> None:
        form = filled()
        gate = threading.Barrier(2)
        answers: list[int] = []

        def click() -> None:
            browser = signed_in(app, "office", acme.owner_id, acme.id)
            gate.wait()
            answers.append(browser.post(NEW, data=form).status_code)

        threads = [threading.Thread(target=click) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [303, 303]
        only_client(acme)

    def test_the_same_form_with_another_name_is_refused(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        form = filled()
        as_owner.post(NEW, data=form)

        answer = as_owner.post(NEW, data={**form, "general-name": "Another"})

        assert answer.status_code == 409
        assert only_client(acme).name == "Comet Lines"

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("general-name", "   ", "Enter a name."),
            ("general-timezone", "Mars/Base", "There is no such time zone."),
            ("general-currency", "XXX", "Not a valid choice"),
            ("panel-login", "", "Enter a login."),
            ("panel-password", "short", "Use at least 12 characters."),
            ("credit-credit", "1000000000", "The credit has at most 9 digits."),
            ("credit-credit", "12 apples", "Write the amount in digits"),
            ("credit-payment_terms_id", "999", "Not a valid choice"),
            ("auto-extra_amount", "-1", "Enter an amount from 0"),
            ("auto-day_cap", "0", "Enter an amount above zero"),
            ("company-main_email", "büro@comet.example", "Use only Latin characters"),
            ("company-noc_email", "nonsense", "Enter a valid e-mail address."),
        ],
    )
    def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(
        self, as_owner: Browser, acme: Tenant, field: str, value: str, message: str
    ) -> None:
        answer = as_owner.post(NEW, data=all_blocks(**{field: value}))

        assert answer.status_code == 422
        assert message in answer.text
        assert f'href="#{field}"' in answer.text, "the summary leads to the field"
        assert 'value="Comet Lines Inc"' in answer.text
        assert desk.stored(acme, ClientRow) == []

    def test_a_password_is_never_echoed(self, as_owner: Browser) -> None:
        answer = as_owner.post(NEW, data=all_blocks(**{"general-name": ""}))

        assert answer.status_code == 422
        assert PASSWORD not in answer.text

    def test_mistakes_of_several_blocks_are_told_together(self, as_owner: Browser) -> None:
        answer = as_owner.post(
            NEW,
            data=all_blocks(**{"panel-password": "short", "credit-credit": "9999999999"}),
        )

        assert "Use at least 12 characters." in answer.text
        assert "The credit has at most 9 digits." in answer.text

    def test_autoinvoicing_without_terms_is_told_at_the_terms(self, as_owner: Browser) -> None:
        answer = as_owner.post(NEW, data=filled(**{"invoicing-autoinvoicing": "y"}))

        assert "Autoinvoicing needs payment terms." in answer.text
        assert 'href="#credit-payment_terms_id"' in answer.text

    def test_postpaid_leaves_the_credit_alone(self, as_owner: Browser, acme: Tenant) -> None:
        form = filled(**{"credit-postpaid": "y"})
        del form["credit-credit"]

        assert as_owner.post(NEW, data=form).status_code == 303
        with tenant_scope(acme.scope), unit_of_work() as session:
            billing = client_billing.get_billing(session, only_client(acme).id)
        assert (billing.postpaid, billing.credit) == (True, 0)

    def test_a_name_that_exists_is_allowed_with_a_warning(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        similar = as_owner.get("/office/clients/similar?general-name=ORBIT calls", headers=HTMX)
        answer = as_owner.post(NEW, data=filled(**{"general-name": "orbit calls"}), headers=HTMX)

        assert f"#{acme_client.id}" in similar.text
        assert "Another client has this name" in answer.headers["HX-Trigger"]
        assert len(desk.stored(acme, ClientRow)) == 2

    def test_a_login_taken_in_this_reseller_is_refused(
        self, as_owner: Browser, acme_client: Client, globex_client: Client
    ) -> None:
        taken = as_owner.post(NEW, data=all_blocks(**{"panel-login": "ORBIT"}))
        free = as_owner.post(NEW, data=all_blocks(**{"panel-login": "nebula"}))

        assert "Another client uses this login." in taken.text
        assert free.status_code == 303, "another tenant's login is not even known here"

    def test_a_client_can_be_given_to_a_reseller_beneath_but_to_no_other(
        self, app: Flask, acme: Tenant, globex: Tenant
    ) -> None:
        west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
        browser = signed_in(app, "office", acme.owner_id, acme.id)

        ours = browser.post(NEW, data=filled(**{"general-reseller_id": str(west.id)}))
        theirs = browser.post(NEW, data=filled(**{"general-reseller_id": str(globex.id)}))

        assert ours.status_code == 303
        assert theirs.status_code == 422
        assert desk.stored(globex, ClientRow) == []

    def test_another_reseller_brings_its_currency_and_zone_but_takes_nothing_that_was_typed(
        self, app: Flask, acme: Tenant, globex: Tenant
    ) -> None:
        west = make_tenant(
            "Acme West", "acme-west", parent_id=acme.id, currency="JPY", timezone="Asia/Tokyo"
        )
        browser = signed_in(app, "office", acme.owner_id, acme.id)
        shown = html.unescape(desk.hidden(browser.get(NEW), "shown"))
        chosen = {"general-reseller_id": str(west.id), "shown": shown}

        fresh = browser.post(f"{NEW}/reseller", data=filled(**chosen)).text
        typed = filled(**{**chosen, "general-currency": "EUR", "general-name": "=cmd"})
        kept = browser.post(f"{NEW}/reseller", data=typed).text
        theirs = {**chosen, "general-reseller_id": str(globex.id)}

        assert re.search(r'<option selected value="JPY"', fresh)
        assert 'value="Asia/Tokyo"' in fresh
        assert re.search(r'<option selected value="EUR"', kept)
        assert 'value="=cmd"' in kept
        assert browser.post(f"{NEW}/reseller", data=filled(**theirs)).status_code == 422
        assert desk.stored(west, ClientRow) == [], "nothing is saved by it"

    def test_a_form_without_its_id_is_refused(self, as_owner: Browser) -> None:
        assert as_owner.post(NEW, data=filled(request_id="")).status_code == 422


class TestEdit:
    @pytest.fixture
    def address(self, acme_client: Client) -> str:
        return f"/office/clients/{acme_client.id}/edit"

    def values(self, **changes: object) -> dict[str, object]:
        given = {
            "version": "1",
            "general-name": "Orbit Calls",
            "general-currency": "USD",
            "general-timezone": "America/New_York",
            "general-status": "active",
            "general-is_originator": "y",
            "general-tags": "",
            "panel-enabled": "y",
            "panel-login": "orbit",
            "panel-password": "",
            "credit-credit": "0",
            "company-company_name": "Orbit Calls Ltd",
        }
        return {**given, **changes}

    def test_the_form_shows_what_is_stored_but_no_password(
        self, as_owner: Browser, address: str
    ) -> None:
        text = as_owner.get(address).text

        assert 'value="Orbit Calls"' in text
        assert 'value="orbit"' in text
        assert 'name="version" value="1"' in text
        assert "argon2" not in text

    def test_a_login_that_a_colleague_takes_at_the_same_moment_is_refused(
        self, app: Flask, acme: Tenant, acme_client: Client, address: str
    ) -> None:
        other = make_client(acme, "Nova Lines", login="nova")
        answers: list[int] = []

        def save() -> None:
            browser = signed_in(app, "office", acme.owner_id, acme.id)
            form = self.values(**{"panel-login": "quasar"})
            answers.append(browser.post(address, data=form).status_code)

        saving = threading.Thread(target=save)
        with tenant_scope(acme.scope), unit_of_work() as session:
            wish = client_blocks.PanelLogin(enabled=True, login="quasar")
            client_blocks.save_panel_login(session, get_client(session, other.id), wish)
            saving.start()
            waiting = text("select count(*) from pg_locks where not granted")
            while not session.scalar(waiting):
                assert saving.is_alive(), answers
        saving.join()

        assert answers == [409]
        logins = {row.client_id: row.login for row in desk.stored(acme, ClientLogin)}
        assert logins == {acme_client.id: "orbit", other.id: "quasar"}

    def test_a_change_is_saved_and_moves_the_version(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        answer = as_owner.post(address, data=self.values(**{"general-name": "Orbit Voice"}))

        client = only_client(acme)
        assert answer.status_code == 303
        assert (client.name, client.version) == ("Orbit Voice", 2)
        assert client.updated_by == "owner@acme.example"

    def test_a_stale_form_shows_both_values_and_who_changed_it(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, address: str
    ) -> None:
        with tenant_scope(acme.scope), unit_of_work() as session:
            update_client(
                session,
                acme_client.id,
                version=1,
                general=General("Theirs", "USD", "America/New_York"),
            )

        stale = as_owner.post(address, data=self.values(**{"general-name": "Mine"}), headers=HTMX)
        again = {
            **self.values(**{"general-name": "Mine"}),
            "version": desk.hidden(stale, "version"),
        }

        assert stale.status_code == 409
        assert stale.text.lstrip().startswith('<form id="form"')
        assert "owner@acme.example changed this client" in stale.text
        assert re.findall(r'choice-value">([^<]*)<', stale.text) == ["Mine", "Theirs"]
        assert 'value="Mine"' in stale.text, "what was typed is not lost"
        assert only_client(acme).name == "Theirs"
        assert as_owner.post(address, data=again).status_code == 303
        assert only_client(acme).name == "Mine"

    def test_a_second_click_of_save_changes_nothing_more(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        form = self.values(**{"general-name": "Orbit Voice"})

        as_owner.post(address, data=form)
        second = as_owner.post(address, data=form)

        assert second.status_code == 409
        assert only_client(acme).version == 2

    def test_an_invoice_made_meanwhile_keeps_its_last_invoiced_day(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        with tenant_scope(acme.scope), unit_of_work() as session:
            terms = payment_terms.create_terms(
                session, reseller_id=acme.id, name="Monthly", day_of_month=1
            )
        billing = Billing(
            payment_terms_id=terms.id, autoinvoicing=True, last_invoiced_on=date(2026, 1, 31)
        )
        client = make_client(acme, "Monthly Ltd", billing=billing)
        address = f"/office/clients/{client.id}/edit"
        shown = desk.hidden_field(as_owner.get(address), "invoicing-shown_last_invoiced_on")
        with tenant_scope(acme.scope), unit_of_work() as session:
            row = client_billing.lock_billing(session, client.id)
            row.last_invoiced_on = date(2026, 2, 28)

        answer = as_owner.post(
            address,
            data=filled(
                **{
                    "version": "1",
                    "general-name": "Monthly Ltd",
                    "credit-payment_terms_id": str(terms.id),
                    "invoicing-autoinvoicing": "y",
                    "invoicing-last_invoiced_on": "2026-01-31",
                    "invoicing-shown_last_invoiced_on": shown,
                }
            ),
        )

        assert shown == "2026-01-31"
        assert answer.status_code == 303
        with tenant_scope(acme.scope), unit_of_work() as session:
            assert client_billing.get_billing(session, client.id).last_invoiced_on == date(
                2026, 2, 28
            )

    def test_a_new_password_ends_the_clients_sessions(
        self, as_owner: Browser, as_client: Browser, address: str
    ) -> None:
        assert as_client.get("/clients/account").status_code == 200

        as_owner.post(address, data=self.values(**{"panel-password": PASSWORD}))

        assert as_client.get("/clients/account").status_code == 303

    def test_a_panel_switched_off_ends_the_clients_sessions(
        self, as_owner: Browser, as_client: Browser, address: str
    ) -> None:
        form = self.values()
        del form["panel-enabled"]

        as_owner.post(address, data=form)

        assert as_client.get("/clients/account").status_code == 303

    def test_a_saved_form_without_a_password_keeps_the_session_and_the_password(
        self, as_owner: Browser, as_client: Browser, acme: Tenant, address: str
    ) -> None:
        (before,) = desk.stored(acme, ClientLogin)

        as_owner.post(address, data=self.values())

        (after,) = desk.stored(acme, ClientLogin)
        assert after.password_hash == before.password_hash
        assert as_client.get("/clients/account").status_code == 200

    def test_the_audit_log_names_what_changed_and_no_password(
        self, as_owner: Browser, acme: Tenant, address: str
    ) -> None:
        as_owner.post(
            address, data=self.values(**{"credit-credit": "50", "panel-password": PASSWORD})
        )

        changes = {}
        for record in desk.stored(acme, AuditRecord, action="update"):
            changes.update(record.changes)
        assert Decimal(changes["credit"][1]) == 50
        assert changes["password"] == ["…", "…"]

    def test_the_currency_is_fixed_once_money_has_moved(
        self, as_owner: Browser, acme: Tenant, acme_client: Client, address: str
    ) -> None:
        desk.pay(acme, acme_client, "10")

        answer = as_owner.post(address, data=self.values(**{"general-currency": "EUR"}))

        assert answer.status_code == 422
        assert "its currency can no longer change" in answer.text
        assert only_client(acme).currency == "USD"


class TestStatus:
    def change(self, browser: Browser, client: Client, status: str, version: int = 1):
        return browser.post(
            f"/office/clients/{client.id}/status", data={"status": status, "version": version}
        )

    def test_a_second_click_is_harmless(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        self.change(as_owner, acme_client, "stop")

        assert self.change(as_owner, acme_client, "stop").status_code == 303
        assert only_client(acme).version == 2

    def test_an_outdated_page_cannot_change_it(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        self.change(as_owner, acme_client, "stop")

        assert self.change(as_owner, acme_client, "active", version=1).status_code == 409
        assert only_client(acme).status == "stop"

    def test_a_deleted_client_is_brought_back_by_restore_only(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ) -> None:
        as_owner.post(f"/office/clients/{acme_client.id}/delete")

        assert self.change(as_owner, acme_client, "active", version=2).status_code == 409
        assert only_client(acme).status == "deleted"

    def test_a_status_that_does_not_exist_is_refused(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        for status in ("gone", "deleted"):
            assert self.change(as_owner, acme_client, status).status_code == 404


def test_request_ids_of_drawn_forms_differ(as_owner: Browser) -> None:
    first, second = (UUID(desk.hidden(as_owner.get(NEW), "request_id")) for _ in range(2))

    assert first != second


@pytest.mark.parametrize(
    "field", ["general-name", "general-tags", "company-company_name", "company-address"]
)
def test_a_card_number_is_refused_and_not_shown_again(as_owner: Browser, field: str) -> None:
    answer = as_owner.post(NEW, data=filled(**{field: "4111 1111 1111 1111"}))
    assert answer.status_code == 422
    assert "looks like a card number" in answer.text
    assert "4111 1111" not in answer.text
