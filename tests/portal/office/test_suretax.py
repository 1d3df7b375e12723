"""SureTax in the office: the account, invoices that wait, and what it said. Nobody answers here."""

from dataclasses import replace
from uuid import UUID

import pytest

from billing import numbers, tax_profiles, tax_waits
from billing.client_billing import Billing, save_billing
from billing.suretax_models import SureTaxAccount, SureTaxProfile, TaxWait
from core.clock import today
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from tenants import client_blocks
from tenants.clients import get_client
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

SURETAX, TAXES, INVOICES = "/office/suretax/", "/office/tax-profiles/", "/office/invoices/"
KEY = "13290031-F004-4F00-8ED3-E979D6749B88"


def form(**changes: str) -> dict[str, str]:
    given = {
        "version": "",
        "enabled": "y",
        "client_number": "000000001",
        "validation_key": KEY,
        "business_unit": "WEST",
        "service": "own",
        "own_url": "http://127.0.0.1:9",
        "regulatory_code": "03",
        "usage_code": "050105",
        "package_code": "050101",
        "extra_code": "050110",
    }
    return {**given, **changes}


@pytest.fixture
def numbered(acme: Tenant) -> Tenant:
    """Acme, with invoice numbers that SureTax takes."""
    with tenant_scope(acme.scope), unit_of_work() as session:
        numbers.save_template(session, reseller_id=acme.id, template="INV%Y%N")
    return acme


@pytest.fixture
def taxed(numbered: Tenant, as_owner: Browser) -> Client:
    """A client of SureTax in New York with a charge."""
    assert as_owner.post(f"{SURETAX}{numbered.id}", data=form()).status_code == 303
    client = make_client(numbered, "Harbor Cafe")
    with tenant_scope(numbered.scope), unit_of_work() as session:
        profile = tax_profiles.create_profile(
            session, reseller_id=numbered.id, name="US", taxes=(), mode="suretax"
        )
        row = get_client(session, client.id)
        save_billing(session, row, Billing(tax_profile_id=profile.id))
    set_zip(numbered, client, "10001")
    desk.charge(numbered, client, "100")
    return client


def set_zip(tenant: Tenant, client: Client, zip_code: str) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        known = client_blocks.get_company(session, client.id)
        client_blocks.save_company(
            session, get_client(session, client.id), replace(known, zip_code=zip_code)
        )


def _today() -> str:
    return today(get_zone("America/New_York")).isoformat()


def make_wait(browser: Browser, client: Client) -> UUID:
    invoice_id = new_id()
    last_on = _today()
    answer = browser.post(
        f"{INVOICES}new",
        data={
            "invoice_id": str(invoice_id),
            "client": str(client.id),
            "last_on": last_on,
            "issue": "y",
        },
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/suretax/waiting/{invoice_id}")
    return invoice_id


def test_it_is_set_up_once_and_the_key_is_never_shown(as_owner: Browser, numbered: Tenant) -> None:
    for _click in range(2):
        assert as_owner.post(f"{SURETAX}{numbered.id}", data=form()).status_code == 303

    (row,) = desk.stored(numbered, SureTaxAccount)
    assert (row.client_number, row.version, row.key_tail) == ("000000001", 1, KEY[-4:])
    for page in (SURETAX, f"{SURETAX}{numbered.id}"):
        text = as_owner.get(page).text
        assert KEY not in text
        assert row.sealed_key not in text
    assert "in use" in as_owner.get(SURETAX).text


def test_an_empty_key_keeps_the_stored_one(as_owner: Browser, numbered: Tenant) -> None:
    as_owner.post(f"{SURETAX}{numbered.id}", data=form())
    (before,) = desk.stored(numbered, SureTaxAccount)
    changed = form(version="1", validation_key="", business_unit="EAST")
    assert as_owner.post(f"{SURETAX}{numbered.id}", data=changed).status_code == 303
    (after,) = desk.stored(numbered, SureTaxAccount)
    assert (after.business_unit, after.sealed_key) == ("EAST", before.sealed_key)


@pytest.mark.parametrize("first", ["own", "test"])
def test_the_key_is_not_sent_to_another_address_by_who_does_not_know_it(
    as_owner: Browser, numbered: Tenant, first: str
) -> None:
    as_owner.post(f"{SURETAX}{numbered.id}", data=form(service=first))
    elsewhere = {"service": "own", "own_url": "http://127.0.0.1:8"}

    sent = form(version="1", validation_key="", **elsewhere)
    answer = as_owner.post(f"{SURETAX}{numbered.id}", data=sent)

    assert (answer.status_code, "Enter the validation key." in answer.text) == (422, True)
    (kept,) = desk.stored(numbered, SureTaxAccount)
    assert (kept.service, kept.version) == (first, 1)
    answer = as_owner.post(f"{SURETAX}{numbered.id}", data=form(version="1", **elsewhere))
    assert answer.status_code == 303


def test_who_was_slower_is_told(as_owner: Browser, numbered: Tenant) -> None:
    as_owner.post(f"{SURETAX}{numbered.id}", data=form())
    as_owner.post(f"{SURETAX}{numbered.id}", data=form(version="1", business_unit="EAST"))
    answer = as_owner.post(f"{SURETAX}{numbered.id}", data=form(version="1", business_unit="SOUTH"))
    assert answer.status_code == 409
    assert "SOUTH" in answer.text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("client_number", "12-34", "Latin letters and digits"),
        ("validation_key", "", "Enter the validation key"),
        ("business_unit", "West Coast", "Latin letters and digits"),
        ("own_url", "ftp://example.com", "https://"),
        ("usage_code", "5", "6 digits"),
    ],
)
def test_what_suretax_would_not_take_is_said_at_its_field(
    as_owner: Browser, numbered: Tenant, field: str, value: str, message: str
) -> None:
    answer = as_owner.post(f"{SURETAX}{numbered.id}", data=form(**{field: value}), headers=HTMX)
    assert answer.status_code == 422
    assert message in answer.text
    assert "000000001" in answer.text or field == "client_number"
    assert desk.stored(numbered, SureTaxAccount) == []


def test_numbers_that_suretax_does_not_take_come_first(as_owner: Browser, acme: Tenant) -> None:
    answer = as_owner.post(f"{SURETAX}{acme.id}", data=form(), headers=HTMX)
    assert answer.status_code == 422
    assert "INV-%Y-%N" in answer.text
    assert "INV%Y%N." in answer.text


def test_who_may_only_look_changes_nothing(as_viewer: Browser, numbered: Tenant) -> None:
    assert as_viewer.get(SURETAX).status_code == 200
    assert as_viewer.post(f"{SURETAX}{numbered.id}", data=form()).status_code == 403


def test_the_connection_test_says_that_nobody_answers(as_owner: Browser, numbered: Tenant) -> None:
    as_owner.post(f"{SURETAX}{numbered.id}", data=form())
    answer = as_owner.post(f"{SURETAX}{numbered.id}/test", headers=HTMX)
    assert "SureTax does not answer" in answer.headers["HX-Trigger"]


def test_a_profile_hands_its_clients_over(as_owner: Browser, numbered: Tenant) -> None:
    as_owner.post(f"{SURETAX}{numbered.id}", data=form())
    given = {
        "reseller_id": str(numbered.id),
        "name": "US residential",
        "mode": "suretax",
        "sales_type": "R",
        "exemptions": "01, 14",
    }
    assert as_owner.post(f"{TAXES}new", data=given).status_code == 303
    (row,) = desk.stored(numbered, SureTaxProfile)
    assert (row.sales_type, row.exemptions) == ("R", ["01", "14"])
    assert "as SureTax says" in as_owner.get(TAXES).text
    shown = as_owner.get(f"{TAXES}{row.tax_profile_id}").text
    assert "01, 14" in shown


def test_a_profile_of_suretax_has_no_taxes_of_its_own(as_owner: Browser, numbered: Tenant) -> None:
    as_owner.post(f"{SURETAX}{numbered.id}", data=form())
    given = {
        "reseller_id": str(numbered.id),
        "name": "Mixed",
        "mode": "suretax",
        "sales_type": "B",
        "taxes-0-name": "VAT",
        "taxes-0-percent": "20",
    }
    answer = as_owner.post(f"{TAXES}new", data=given, headers=HTMX)
    assert answer.status_code == 422
    assert "remove those entered here" in answer.text


def test_an_invoice_made_by_hand_waits_on_its_own_page(
    as_owner: Browser, taxed: Client, numbered: Tenant
) -> None:
    wait_id = make_wait(as_owner, taxed)

    page = as_owner.get(f"{SURETAX}waiting/{wait_id}").text
    assert "waits for tax" in page
    assert "given when it is made" in page
    assert "1 invoice waits for its taxes" in as_owner.get(INVOICES).text
    assert "Harbor Cafe" in as_owner.get(f"{SURETAX}waiting").text
    assert as_owner.get(f"{INVOICES}{wait_id}").status_code == 404
    assert as_owner.post(f"{SURETAX}waiting/{wait_id}/ask", headers=HTMX).status_code == 200


def test_a_zip_code_that_suretax_cannot_use_is_said_before_anything_waits(
    as_owner: Browser, taxed: Client, numbered: Tenant
) -> None:
    set_zip(numbered, taxed, "W1A 1AA")
    answer = as_owner.post(
        f"{INVOICES}new",
        data={
            "invoice_id": str(new_id()),
            "client": str(taxed.id),
            "last_on": _today(),
        },
        headers=HTMX,
    )
    assert answer.status_code == 422
    assert "zip code" in answer.text
    assert desk.stored(numbered, TaxWait) == []


def test_a_wait_can_be_given_up_by_who_may(
    as_owner: Browser, as_viewer: Browser, taxed: Client, numbered: Tenant
) -> None:
    wait_id = make_wait(as_owner, taxed)
    assert as_viewer.post(f"{SURETAX}waiting/{wait_id}/give-up").status_code == 403
    assert as_owner.post(f"{SURETAX}waiting/{wait_id}/give-up").status_code == 303
    assert desk.stored(numbered, TaxWait) == []
    assert as_owner.get(f"{SURETAX}waiting/{wait_id}").status_code == 404


def test_the_last_reason_and_the_next_try_are_shown(
    as_owner: Browser, taxed: Client, numbered: Tenant, settings
) -> None:
    wait_id = make_wait(as_owner, taxed)
    with tenant_scope(numbered.scope):
        assert tax_waits.ask(unit_of_work, wait_id, settings=settings)
    page = as_owner.get(f"{SURETAX}waiting/{wait_id}").text
    assert "SureTax does not answer" in page
    assert "Next try" in page
