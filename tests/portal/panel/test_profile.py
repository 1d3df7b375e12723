"""One's own company and contacts: only what the provider allows, told to whoever edits it too."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from core.errors import InvalidInputError
from core.platform_uow import platform_unit_of_work
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from tenants import client_blocks, clients, panel_rules
from tenants.client_blocks import Company
from tenants.clients import General, StaleVersionError
from tenants.models import AuditRecord, ClientCompany
from tenants.panel_rules import Rules
from tenants.signin_models import PasswordReset
from tests.factories.cast import PASSWORD
from tests.payments.till import Till
from tests.portal.browser import Browser, open_browser, signed_in
from tests.portal.panel.pages import field, words

URL = "/clients/profile"
OPEN = Rules(edits_contacts=True, edits_company=True, edits_tax_ids=True)
FIELDS = ("company_name", "address", "zip_code", "tax_id", "reg_id", "main_email", "billing_email",
          "rates_email", "noc_email")  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_known(till: Till) -> None:
    """The client begins with an empty company block."""
    give(till)


def allow(till: Till, rules: Rules) -> None:
    with till.work() as session:
        stored = panel_rules.read_rules(session, till.tenant.id)
        panel_rules.save_rules(session, till.tenant.id, rules, stamp=panel_rules.stamp_of(stored))


def give(till: Till, **company: str) -> None:
    with till.work() as session:
        client = clients.get_client(session, till.client.id)
        client_blocks.save_company(session, client, Company(**company))


def company(till: Till) -> Company:
    with till.work() as session:
        return client_blocks.get_company(session, till.client.id)


def send(me: Browser, stamp: str | None = None, **values: str):
    stamp = field_of_stamp(me) if stamp is None else stamp
    return me.post(URL, data={"stamp": stamp, **values})


def field_of_stamp(me: Browser) -> str:
    page = me.get(URL).text
    return re.search(r'name="stamp"[^>]* value="([^"]*)"', page)[1]


def test_what_the_provider_keeps_is_shown_and_cannot_be_typed(me: Browser, till: Till) -> None:
    give(till, company_name="Orbit Ltd", tax_id="DE1", main_email="me@orbit.example")

    page = me.get(URL)

    assert 'name="company_name"' not in page.text
    assert 'name="main_email"' in page.text
    assert "Company name Orbit Ltd" in words(page)
    assert "Tax ID DE1" in words(page)


def test_a_field_that_is_not_offered_is_not_taken(me: Browser, till: Till) -> None:
    give(till, company_name="Orbit Ltd")

    answer = send(me, company_name="Other Ltd", noc_email="noc@orbit.example", credit="999")

    assert answer.status_code == 303
    assert company(till) == Company(company_name="Orbit Ltd", noc_email="noc@orbit.example")


def test_what_is_allowed_is_saved_audited_and_tells_staff(me: Browser, till: Till) -> None:
    allow(till, OPEN)
    with till.work() as session:
        before = clients.get_client(session, till.client.id).version

    answer = send(me, company_name="Orbit Ltd", address="1 Main St\nOslo", zip_code="0150",
                  tax_id="NO1", reg_id="R", rates_email="rates@orbit.example")  # fmt: skip

    assert answer.status_code == 303
    assert company(till) == Company(
        company_name="Orbit Ltd",
        address="1 Main St\nOslo",
        zip_code="0150",
        tax_id="NO1",
        reg_id="R",
        rates_email="rates@orbit.example",
    )
    with till.work() as session:
        record = session.scalars(select(AuditRecord).order_by(AuditRecord.id.desc())).first()
        client = clients.get_client(session, till.client.id)
        # a colleague who opened the client's form before is told when saving it
        with pytest.raises(StaleVersionError):
            clients.update_client(
                session,
                client.id,
                version=before,
                general=General(client.name, client.currency, client.timezone),
            )
    assert record is not None
    assert (record.actor_kind, record.actor_id) == ("client", till.client.id)
    assert record.changes["company_name"] == ["", "Orbit Ltd"]
    assert set(record.changes) == {"company_name", "address", "zip_code", "tax_id", "reg_id",
                                   "rates_email"}  # fmt: skip


def test_a_second_click_changes_nothing_more(me: Browser, till: Till) -> None:
    allow(till, OPEN)
    stamp = field_of_stamp(me)
    for _ in range(2):
        assert send(me, stamp, company_name="Orbit Ltd").status_code == 303

    with till.work() as session:
        changes = session.scalars(
            select(AuditRecord).where(AuditRecord.object_type == "client",
                                      AuditRecord.actor_kind == "client")
        ).all()  # fmt: skip
    assert len(changes) == 1


def test_who_was_slower_than_staff_is_told_and_loses_nothing(me: Browser, till: Till) -> None:
    allow(till, OPEN)
    stamp = field_of_stamp(me)
    give(till, company_name="Orbit Holding")

    answer = send(me, stamp, company_name="Orbit Ltd", zip_code="0150")

    assert answer.status_code == 409
    assert "Orbit Holding" in words(answer)
    assert 'value="Orbit Ltd"' in answer.text
    assert company(till).company_name == "Orbit Holding"
    again = re.search(r'name="stamp"[^>]* value="([^"]*)"', answer.text)[1]
    assert send(me, again, company_name="Orbit Ltd", zip_code="0150").status_code == 303
    assert company(till).company_name == "Orbit Ltd"


@pytest.mark.parametrize("name", FIELDS)
def test_a_card_number_is_refused_in_every_field(me: Browser, till: Till, name: str) -> None:
    allow(till, OPEN)
    typed = "4111 1111 1111 1111"
    if name.endswith("email"):
        typed = "4111111111111111@orbit.example"

    answer = send(me, **{name: typed})

    assert answer.status_code == 422
    assert "looks like a card number" in words(answer)
    assert "4111" not in answer.text
    assert company(till) == Company()


def test_a_wrong_address_is_told_at_its_field(me: Browser, till: Till) -> None:
    answer = send(me, billing_email="nobody", rates_email="rates@orbit.example")

    assert answer.status_code == 422
    assert 'id="billing_email-error"' in answer.text
    assert 'value="rates@orbit.example"' in answer.text
    assert company(till) == Company()


def test_the_address_of_sign_in_takes_the_password_and_the_former_one_is_told(
    me: Browser, panel_app: Flask, till: Till
) -> None:
    give(till, main_email="me@orbit.example")
    elsewhere = signed_in(panel_app, "panel", till.client.id, till.tenant.id)
    open_browser(panel_app).post("/clients/login/forgot", data={"login": login_of(till)})

    refused = send(me, main_email="thief@evil.example")
    wrong = send(me, main_email="thief@evil.example", current="not the password")
    assert (refused.status_code, wrong.status_code) == (422, 422)
    assert company(till).main_email == "me@orbit.example"
    assert send(me, main_email="new@orbit.example", current=PASSWORD).status_code == 303

    assert company(till).main_email == "new@orbit.example"
    assert me.get(URL).status_code == 200
    assert elsewhere.get(URL).status_code == 303
    with platform_unit_of_work() as session:
        links = session.scalars(select(PasswordReset.used_at)).all()
        mail = session.scalars(select(MailMessage).where(MailMessage.kind == "security")).one()
    assert len(links) == 1
    assert None not in links
    assert mail.to_address == "me@orbit.example"
    assert "e-mail address of your account" in mail.body_text
    assert "tell your provider at once" in mail.body_text


def login_of(till: Till) -> str:
    with till.work() as session:
        return client_blocks.get_panel_login(session, till.client.id).login


def test_the_only_address_cannot_be_taken_away(me: Browser, till: Till) -> None:
    give(till, main_email="me@orbit.example")

    answer = send(me, main_email="", current=PASSWORD)

    assert answer.status_code == 422
    assert company(till).main_email == "me@orbit.example"


def test_the_panels_role_writes_its_own_company_block_and_no_other_column(till: Till) -> None:
    give(till, company_name="Orbit Ltd", account_details="IBAN DE02")
    scope = Scope((till.tenant.id,), realm="panel", client_id=till.client.id)
    for statement in (
        "update client_companies set account_details = 'IBAN X'",
        "update client_companies set client_id = client_id + 1",
        "update clients set status = 'active'",
        "update clients set name = 'Other'",
        "delete from client_companies",
        "update panel_rules set edits_company = true",
    ):
        with (
            tenant_scope(scope),
            pytest.raises(ProgrammingError, match="permission denied"),
            unit_of_work() as session,
        ):
            session.execute(text(statement))
    with tenant_scope(scope), unit_of_work() as session:
        changed = session.execute(text("update client_companies set company_name = 'Mine'"))
        assert changed.rowcount == 1
    with platform_unit_of_work() as session:
        names = session.scalars(
            select(ClientCompany.company_name).where(ClientCompany.client_id != till.client.id)
        ).all()
    assert "Mine" not in names


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ((), "at least one amount"),
        (tuple(range(1, 8)), "at most %(count)s amounts"),
        ((0,), "from 1 to 1000000"),
        ((1_000_001,), "from 1 to 1000000"),
    ],
)
def test_offered_amounts_are_checked(till: Till, typed: tuple[int, ...], message: str) -> None:
    wish = replace(Rules(), refill_amounts=tuple(Decimal(one) for one in typed))
    with pytest.raises(InvalidInputError) as told:
        allow(till, wish)
    assert message in told.value.text


def test_the_offered_amounts_are_the_providers(me: Browser, till: Till) -> None:
    allow(till, replace(Rules(), refill_amounts=(Decimal(75), Decimal("19.90"))))

    page = words(me.get("/clients/refill"))

    assert "19.90 USD 75.00 USD Other amount" in page
    assert "No fee and no tax" in page


def test_a_provider_that_keeps_automatic_payment_is_obeyed(me: Browser, till: Till) -> None:
    till.save_card()
    me.post("/clients/auto-payment", data={"enabled": "y", "extra_amount": "1"})
    allow(till, replace(Rules(), switches_auto_payment=False))

    page = me.get("/clients/auto-payment")
    answer = me.post("/clients/auto-payment", data={"extra_amount": "9"})

    assert "keeps these settings" in words(page)
    assert 'name="enabled"' not in page.text
    assert answer.status_code == 403
    assert "Automatic payment on" in words(me.get("/clients/auto-payment"))


def test_the_hidden_stamp_is_drawn(me: Browser) -> None:
    assert field(me.get("/clients/refill").text, "refill_id")
    assert len(field_of_stamp(me)) == 16
