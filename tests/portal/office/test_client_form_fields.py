"""Every field of the client form against bad input, and against those who may not write it.

Fields are judged apart from each other, and drawing the form is dear: where many cases differ only
in the field, one request carries them all and each case looks at its own field of the answer.
"""

import html
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from flask import Flask
from lxml import html as lxml_html
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from billing import client_billing, low_balance, payment_terms
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import auto_payment
from tenants import client_blocks
from tenants.models import Client as ClientRow
from tenants.models import Role
from tests.factories.cast import Client, Tenant, make_tenant
from tests.portal.browser import HTMX, Browser, signed_in
from tests.portal.office import desk
from tests.portal.office.test_client_form import NEW, all_blocks, filled, only_client

TEXTS = (
    "general-name", "panel-login", "company-company_name", "company-address", "company-zip_code",
    "company-tax_id", "company-reg_id", "company-account_details", "general-tags",
)  # fmt: skip
AMOUNTS = (
    "credit-credit", "low-notify_client", "low-notify_admin", "low-threshold", "auto-extra_amount",
    "auto-day_cap", "auto-month_cap",
)  # fmt: skip
SELECTS = (
    "general-reseller_id", "general-currency", "general-status", "general-template_id",
    "general-tax_profile_id", "credit-payment_terms_id", "invoicing-invoice_template_id",
    "company-locale",
)  # fmt: skip
EMAILS = ("company-main_email", "company-noc_email", "company-billing_email", "company-rates_email")
EXISTS = ("general-timezone", "low-low_capacity", "invoicing-last_invoiced_on")


def whole(**changes: object) -> dict[str, object]:
    """A form in which every field says something valid."""
    return all_blocks(
        **{
            "company-main_email": "main@comet.example",
            "company-noc_email": "noc@comet.example",
            "company-rates_email": "rates@comet.example",
            "company-address": "1 Comet Road",
            "low-threshold": "5",
            "low-low_capacity": "3",
            "low-notify_client": "20",
            **changes,
        }
    )


@dataclass(frozen=True)
class Asked:
    """What one request answered, the clients stored after it, and what more was looked at."""

    answer: TestResponse
    clients: list[ClientRow]
    more: Any = None


AskOnce = Callable[..., Asked]


@pytest.fixture(scope="module")
def asked() -> dict[object, Asked]:
    return {}


@pytest.fixture
def ask_once(request: pytest.FixtureRequest, asked: dict[object, Asked]) -> AskOnce:
    """Sends a form when the first case of several asks for it, to an empty house."""

    def ask(
        changes: dict[str, str],
        *,
        by: str = "as_owner",
        look: Callable[[Browser, Tenant], object] | None = None,
    ) -> Asked:
        key = (by, look, tuple(sorted(changes.items())))
        if key not in asked:
            acme = request.getfixturevalue("acme")
            browser = request.getfixturevalue(by)
            answer = browser.post(NEW, data=whole(**changes))
            more = None if look is None else look(browser, acme)
            asked[key] = Asked(answer, desk.stored(acme, ClientRow), more)
        return asked[key]

    return ask


def refused(answer: TestResponse, field: str) -> None:
    text = answer.text
    assert answer.status_code == 422
    assert f'href="#{field}"' in text, "the summary leads to the field"
    assert f'id="{field}-error"' in text
    assert 'value="Comet Lines Inc"' in text or "company-company_name" in told(text)


def told(text: str) -> list[str]:
    """The fields that the summary leads to."""
    return re.findall(r'<a href="#([a-z_-]+)">', text)


def message_at(text: str, field: str) -> str:
    (found,) = lxml_html.document_fromstring(text).xpath(f"//*[@id='{field}-error']")
    return " ".join(found.text_content().split())


def content_of(text: str, field: str) -> str:
    """What stands in the box of a field."""
    (box,) = lxml_html.document_fromstring(text).xpath(f"//*[@name='{field}']")
    return str(box.get("value") if box.tag == "input" else box.text_content())


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=cmd|'/c calc'!A1", "=cmd|'/c calc'!A1"),
        ("Rocket 🚀 👩‍🚀", "Rocket 🚀 👩‍🚀"),
        ("abc\u202eexe.\u2066gnp\u2069", "abcexe.gnp"),
        ("שלום\u200f עולם", "שלום עולם"),
        ("nul\x00 and\x07 bell", "nul and bell"),
        ("{{ 7 * 7 }} %s ' \" \\", "{{ 7 * 7 }} %s ' \" \\"),
    ],
)
def test_strange_text_is_kept_as_harmless_text(
    ask_once: AskOnce, field: str, text: str, kept: str
) -> None:
    got = ask_once(dict.fromkeys(TEXTS, text), look=kept_texts)

    assert got.answer.status_code == 303, got.answer.text
    assert len(got.clients) == 1
    stored, page = got.more
    assert stored[field.partition("-")[2]] == kept
    assert "<script>alert" not in page
    assert kept in html.unescape(page)
    assert content_of(page, field).strip() == kept


def kept_texts(as_owner: Browser, acme: Tenant) -> tuple[dict[str, object], str]:
    """The texts of the only client, and the form in which they are edited."""
    client = only_client(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        stored = {
            **asdict(client_blocks.get_company(session, client.id)),
            "name": client.name,
            "login": client_blocks.get_panel_login(session, client.id).login,
            "tags": ", ".join(client_blocks.list_tags(session, client.id)),
        }
    return stored, as_owner.get(f"/office/clients/{client.id}/edit").text


LIMITS = {
    "general-name": 200, "panel-login": 100, "general-tags": 60,
    **{f"company-{name}": 500 for name in (
        "company_name", "address", "zip_code", "tax_id", "reg_id", "account_details",
    )},
}  # fmt: skip


@pytest.mark.parametrize(("field", "limit"), LIMITS.items())
def test_a_text_that_is_too_long_is_told_and_stays_in_its_box(
    ask_once: AskOnce, field: str, limit: int
) -> None:
    got = ask_once({name: "a" * (most + 1) for name, most in LIMITS.items()})
    refused(got.answer, field)
    assert content_of(got.answer.text, field).strip() == "a" * (limit + 1), "nothing typed is lost"
    assert got.clients == []
    whole_texts = ask_once({name: "a" * most for name, most in LIMITS.items()}).answer
    assert field not in told(whole_texts.text)
    assert whole_texts.status_code == 303, told(whole_texts.text)


@pytest.mark.parametrize("field", AMOUNTS)
@pytest.mark.parametrize(
    "text",
    [
        "twelve",
        "1e5",
        "NaN",
        "Infinity",
        "--5",
        "1,2,3",
        "9" * 10,
        "9" * 60,
        "0.00000001",
        "<b>1</b>",
        "🙂",
        "=1+1",
    ],
)
def test_a_wrong_amount_is_told_and_stays_in_its_box(
    ask_once: AskOnce, field: str, text: str
) -> None:
    got = ask_once(dict.fromkeys(AMOUNTS, text))

    refused(got.answer, field)
    box = re.search(rf'<input[^>]*name="{field}"[^>]*>', got.answer.text)
    assert box is not None
    assert text in html.unescape(box.group(0))
    assert got.clients == []


@pytest.mark.parametrize("field", SELECTS)
@pytest.mark.parametrize("value", ["999999", "9" * 40, "-1", "abc", "<script>", "🙂"])
def test_a_choice_that_no_list_offers_is_refused(ask_once: AskOnce, field: str, value: str) -> None:
    got = ask_once(wrong_choices(field, value), by="as_head")

    refused(got.answer, field)
    assert got.clients == []


def wrong_choices(field: str, value: str) -> dict[str, str]:
    """The changes in one request; what other choices follow from is wrong all by itself."""
    if field == "general-reseller_id":
        return {field: value}
    if field == "general-template_id":
        return {field: value, "general-applied_template_id": value}
    return dict.fromkeys(set(SELECTS) - {"general-reseller_id", "general-template_id"}, value)


@pytest.fixture
def as_head(app: Flask, acme: Tenant) -> Browser:
    """The owner of a house with a branch: there is a reseller to choose."""
    make_tenant("Acme West", "acme-west", parent_id=acme.id)
    return signed_in(app, "office", acme.owner_id, acme.id)


def test_what_another_tenant_has_is_no_choice(
    as_owner: Browser, acme: Tenant, globex: Tenant
) -> None:
    with tenant_scope(globex.scope), unit_of_work() as session:
        terms = payment_terms.create_terms(
            session, reseller_id=globex.id, name="Theirs", day_of_month=1
        )
    answer = as_owner.post(NEW, data=whole(**{"credit-payment_terms_id": str(terms.id)}))

    refused(answer, "credit-payment_terms_id")
    assert "Theirs" not in answer.text


@pytest.mark.parametrize("field", EMAILS)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("büro@comet.example", "Use only Latin characters in an e-mail address."),
        ("почта@comet.example", "Use only Latin characters in an e-mail address."),
        ("nonsense", "Enter a valid e-mail address."),
        ("a@b@c.example", "Enter a valid e-mail address."),
        ("a b@comet.example", "Enter a valid e-mail address."),
        ("x" * 300 + "@comet.example", "Enter a valid e-mail address."),
        ("a@comet.example\r\nBcc: b@comet.example", "Enter a valid e-mail address."),
    ],
)
def test_a_wrong_address_is_told_at_its_field(
    ask_once: AskOnce, field: str, text: str, message: str
) -> None:
    got = ask_once(dict.fromkeys(EMAILS, text))

    refused(got.answer, field)
    assert message in message_at(got.answer.text, field)


WRONG = (
        ("general-timezone", "Mars/Base"), ("general-timezone", "CET"), ("general-timezone", ""),
        ("general-timezone", "../../etc/passwd"), ("low-low_capacity", "many"),
        ("low-low_capacity", "-1"), ("low-low_capacity", "1.5"), ("low-low_capacity", "9" * 30),
        ("invoicing-last_invoiced_on", "31.01.2026"), ("invoicing-last_invoiced_on", "2026-02-30"),
        ("invoicing-last_invoiced_on", "0001-01-01"), ("invoicing-last_invoiced_on", "9999-12-31"),
        ("panel-login", ""), ("panel-password", "short"), ("panel-password", "x" * 129),
        ("general-name", ""), ("general-name", "\u202e \u200b"), ("low-threshold", ""),
        ("low-low_capacity", ""), ("company-tax_id", "DE123456789"),
)  # fmt: skip
# each is wrong because the other is not empty
TOGETHER = {("low-threshold", ""), ("low-low_capacity", "")}


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_value_is_told_at_its_field(ask_once: AskOnce, field: str, value: str) -> None:
    got = ask_once(company_of(field, value))

    refused(got.answer, field)
    assert got.clients == []


def company_of(field: str, value: str) -> dict[str, str]:
    """The changes in one request: the first wrong value of each field, the second of each ..."""
    if (field, value) in TOGETHER:
        return {field: value}
    turns: dict[str, list[str]] = {}
    for name, wrong in WRONG:
        if (name, wrong) not in TOGETHER:
            turns.setdefault(name, []).append(wrong)
    turn = turns[field].index(value)
    return {name: values[turn] for name, values in turns.items() if turn < len(values)}


def test_a_client_that_does_neither_is_no_client(as_owner: Browser) -> None:
    form = whole()
    del form["general-is_originator"]

    refused(as_owner.post(NEW, data=form), "general-is_originator")


def test_mistakes_in_all_blocks_are_told_at_once_with_the_counts(as_owner: Browser) -> None:
    wrong = {
        "general-name": "",
        "panel-login": "",
        "panel-password": "short",
        "credit-credit": "9" * 10,
        "low-threshold": "x",
        "invoicing-autoinvoicing": "y",
        "auto-day_cap": "0",
        "company-main_email": "büro@comet.example",
        "company-tax_id": "ATU00000000",
    }
    answer = as_owner.post(NEW, data=whole(**wrong))

    expected = {*wrong, "credit-payment_terms_id"} - {"invoicing-autoinvoicing"}
    assert set(told(answer.text)) == expected
    assert "2 errors" in answer.text
    assert f"{len(expected)} fields need attention" in answer.text


@pytest.mark.parametrize(
    "number", ["DE136695976", "ATU13585627", "12-3456789", "IN", "GB980780684", "XY123456"]
)
def test_a_tax_number_that_can_be_right_is_taken(as_owner: Browser, number: str) -> None:
    assert as_owner.post(NEW, data=whole(**{"company-tax_id": number})).status_code == 303


def test_an_old_tax_number_stays_while_something_else_changes(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        row = session.scalars(select(ClientRow)).one()
        client_blocks.save_company(session, row, client_blocks.Company(tax_id="DE123456789"))
    answer = as_owner.post(
        f"/office/clients/{acme_client.id}/edit",
        data=filled(**{"version": "1", "general-name": "Other", "company-tax_id": "DE123456789"}),
    )
    assert answer.status_code == 303


# ---- Rights ------------------------------------------------------------------------------------


def as_clerk(app: Flask, acme: Tenant, *permissions: str) -> Browser:
    """Somebody whose role has exactly these permissions."""
    with platform_unit_of_work() as session:
        role = session.scalars(
            select(Role).where(Role.reseller_id == acme.id, Role.name == "Viewer")
        ).one()
        session.execute(
            update(Role).where(Role.id == role.id).values(permissions=sorted(permissions))
        )
    return signed_in(app, "office", acme.viewer_id, acme.id)


BLOCKS = {
    "transactions:write": ("credit-credit", "500"),
    "invoices:write": ("invoicing-last_invoiced_on", "2026-03-31"),
    "payments:execute": ("auto-extra_amount", "77"),
}


@pytest.mark.parametrize("missing", BLOCKS)
def test_a_block_that_the_role_does_not_include_is_not_written_by_hand(
    app: Flask, acme: Tenant, acme_client: Client, missing: str
) -> None:
    allowed = {"clients:read", "clients:write", *BLOCKS} - {missing}
    clerk = as_clerk(app, acme, *allowed)
    address = f"/office/clients/{acme_client.id}/edit"
    field, value = BLOCKS[missing]
    form = {**filled(version="1"), "general-name": "Renamed"}
    form.pop("credit-credit")

    for target, data in (
        (address, {**form, field: value}),
        (NEW, {**form, field: value}),
    ):
        assert clerk.post(target, data=data, headers=HTMX).status_code == 403
    assert only_client(acme).name == "Orbit Calls", "nothing of the form was saved"

    if missing != "transactions:write":
        form["credit-credit"] = "0"
    assert clerk.post(address, data=form).status_code == 303
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert client_billing.get_billing(session, acme_client.id).credit == 0
        assert auto_payment.get_auto_payment(session, acme_client.id).extra_amount == 0


def test_such_a_block_is_shown_for_reading_and_sends_nothing(
    app: Flask, acme: Tenant, acme_client: Client
) -> None:
    clerk = as_clerk(app, acme, "clients:read", "clients:write")
    text = clerk.get(f"/office/clients/{acme_client.id}/edit").text

    closed = re.findall(
        r'<fieldset class="block-body form-grid" disabled aria-label="([^"]+)"', text
    )
    assert closed == ["Originator settings", "Autoinvoicing", "Auto Payment"]
    assert text.count("read only") == 3


def test_reading_alone_opens_no_form(as_viewer: Browser, acme_client: Client) -> None:
    for path in (NEW, f"/office/clients/{acme_client.id}/edit"):
        assert as_viewer.get(path).status_code == 403
        assert as_viewer.post(path, data=whole(version="1")).status_code == 403
        assert as_viewer.post(f"{path}/fill", data=whole(version="1")).status_code == 403


def test_fields_that_no_form_has_change_nothing(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    before = only_client(acme)
    answer = as_owner.post(
        f"/office/clients/{acme_client.id}/edit",
        data={
            **filled(version="1"),
            "general-name": "Orbit Calls",
            "id": "1", "reseller_id": "999", "general-id": "1", "general-request_id": str(new_id()),
            "credit-live": "1000000", "low-client_told": "y", "general-version": "77",
        },
    )  # fmt: skip
    after = only_client(acme)

    assert answer.status_code == 303
    assert (after.id, after.reseller_id, after.request_id) == (
        before.id,
        before.reseller_id,
        before.request_id,
    )
    with tenant_scope(acme.scope), unit_of_work() as session:
        assert low_balance.get_low_balance(session, acme_client.id) == low_balance.LowBalance()


def test_credit_of_a_postpaid_client_is_not_taken_from_a_request(
    as_owner: Browser, acme: Tenant
) -> None:
    form = filled(**{"credit-postpaid": "y", "credit-credit": "99999999999"})

    assert as_owner.post(NEW, data=form).status_code == 303
    with tenant_scope(acme.scope), unit_of_work() as session:
        billing = client_billing.get_billing(session, only_client(acme).id)
    assert (billing.postpaid, billing.credit) == (True, 0)
