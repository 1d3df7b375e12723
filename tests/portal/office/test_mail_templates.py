"""Mail templates: read, changed, tried and put back, each reseller's own, and never in the way."""

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail import templates
from mail.models import MailMessage
from mail.template_language import TemplateProblem
from mail.template_models import MailTemplateVersion
from mail.template_source import TemplateSource, unfold_letter
from mail.templates import TemplateKey
from tenants.models import AuditRecord, Event
from tests.factories.cast import Client, Tenant
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

PAGE = "/office/mail-templates/"
RECEIPT = {
    "client_name": "Orbit <Calls>",
    "sender_name": "Acme Telecom",
    "amount": Decimal(50),
    "credited": Decimal(50),
    "currency": "EUR",
    "card": "Visa …4242",
    "is_bank": False,
    "reason": "",
    "reference": "r-1",
    "is_partial": False,
    "timezone": "UTC",
}
OWN = {
    "subject": "Thank you, {{ client_name }}",
    "body_text": "We got {{ credited|money(currency) }}.",
    "body_html": "<p>We got <b>{{ credited|money(currency) }}</b> from {{ client_name }}.</p>",
}


def typed(tenant: Tenant, *, based_on: int = 0, locale: str = "en", **changes: str) -> dict:
    return {
        "reseller_id": str(tenant.id),
        "locale": locale,
        "based_on": str(based_on),
        "as_client": "",
        **OWN,
        **changes,
    }


def write(tenant: Tenant, locale: str = "en"):
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return templates.write(
            session,
            reseller_id=tenant.id,
            name="payment_receipt",
            locale=locale,
            variables=RECEIPT,
        )


def save(tenant: Tenant, browser: Browser, **changes):
    return browser.post(f"{PAGE}payment_receipt", data=typed(tenant, **changes))


def test_every_letter_is_listed_and_can_be_opened(as_owner: Browser):
    page = as_owner.get(PAGE).text
    for name in ("invoice", "payment_receipt", "password_reset", "event_notices"):
        assert f'href="{PAGE}{name}?' in page
        assert as_owner.get(f"{PAGE}{name}").status_code == 200
    assert as_owner.get(f"{PAGE}base").status_code == 404
    assert as_owner.get(f"{PAGE}nothing").status_code == 404


def test_the_editor_begins_with_the_standard_text_and_lists_the_variables(as_owner: Browser):
    page = as_owner.get(f"{PAGE}payment_receipt?locale=en").text
    assert "Hello {{ client_name }}," in page
    assert "{{ credited|money(currency) }}" in page
    assert "The amount that was credited." in page


class TestSaving:
    def test_what_is_saved_is_sent_from_then_on(self, as_owner: Browser, acme: Tenant):
        assert write(acme).subject == "We received your payment of 50.00 EUR"

        assert save(acme, as_owner).status_code == 303

        letter = write(acme)
        assert letter.subject == "Thank you, Orbit <Calls>"
        assert letter.text == "We got 50.00 EUR.\n"
        assert "<b>50.00 EUR</b> from Orbit &lt;Calls&gt;" in letter.html
        assert "<!doctype html>" in letter.html

    def test_only_in_its_language_and_for_its_countries(self, as_owner: Browser, acme: Tenant):
        save(acme, as_owner, locale="de")
        assert write(acme, "en").subject.startswith("We received")
        assert write(acme, "de").subject.startswith("Thank you")
        assert write(acme, "de-AT").subject.startswith("Thank you")

    def test_it_is_no_other_resellers(self, as_owner: Browser, acme: Tenant, globex: Tenant):
        save(acme, as_owner)
        assert write(globex).subject.startswith("We received")

    @pytest.mark.parametrize("path", ["", "/default", "/preview", "/preview/html", "/test"])
    def test_nobody_writes_for_another_reseller(
        self, as_owner: Browser, acme: Tenant, globex: Tenant, path: str
    ):
        answer = as_owner.post(f"{PAGE}payment_receipt{path}", data=typed(globex))
        assert answer.status_code == 404
        with tenant_scope(globex.scope), unit_of_work() as session:
            assert session.scalar(select(func.count()).select_from(MailTemplateVersion)) == 0
            assert session.scalar(select(func.count()).select_from(MailMessage)) == 0

    def test_a_wrong_text_is_refused_at_its_field_and_nothing_typed_is_lost(
        self, as_owner: Browser, acme: Tenant
    ):
        answer = save(acme, as_owner, body_text="Line\n{{ client_nmae }} kept")
        assert answer.status_code == 422
        assert "Line 2: there is no variable “client_nmae”. Is “client_name” meant?" in answer.text
        assert "{{ client_nmae }} kept" in answer.text
        assert 'aria-describedby="body_text-error"' in answer.text
        assert write(acme).subject.startswith("We received")

    @pytest.mark.parametrize(
        ("field", "text"),
        [
            ("subject", ""),
            ("subject", "{% if is_partial %}x{% endif %}"),
            ("subject", "x" * 301),
            ("body_text", "  "),
            ("body_html", "<script>alert(1)</script>"),
            ("body_html", "{{ client_name.__class__ }}"),
        ],
    )
    def test_what_no_mail_may_be_is_refused(
        self, as_owner: Browser, acme: Tenant, field: str, text: str
    ):
        assert save(acme, as_owner, **{field: text}).status_code == 422

    def test_a_line_break_in_a_subject_begins_no_header(self, as_owner: Browser, acme: Tenant):
        save(acme, as_owner, subject="Hi\r\nBcc: x@y.example\r\n{{ client_name }}")
        assert write(acme).subject == "Hi Bcc: x@y.example Orbit <Calls>"

    def test_the_same_text_sent_twice_is_one_version(self, as_owner: Browser, acme: Tenant):
        for _click in range(2):
            assert save(acme, as_owner).status_code == 303
        assert [one.version for one in desk.stored(acme, MailTemplateVersion)] == [1]

    def test_who_comes_second_is_told_and_loses_nothing(self, as_owner: Browser, acme: Tenant):
        save(acme, as_owner)
        answer = save(acme, as_owner, subject="Mine")
        assert answer.status_code == 409
        assert "Somebody else saved this text meanwhile." in answer.text
        assert 'value="Mine"' in answer.text

    def test_it_is_in_the_audit_log(self, as_owner: Browser, acme: Tenant):
        save(acme, as_owner)
        (record,) = desk.stored(acme, AuditRecord, object_type="mail_template")
        assert record.changes["subject"] == ["", OWN["subject"]]
        assert record.actor_label == acme.owner_email


class TestVersions:
    def test_back_to_the_standard_text_and_to_an_older_version(
        self, as_owner: Browser, acme: Tenant
    ):
        save(acme, as_owner)
        restored = {"reseller_id": acme.id, "locale": "en", "based_on": 1}
        for _click in range(2):
            answer = as_owner.post(f"{PAGE}payment_receipt/default", data=restored)
            assert answer.status_code == 303
        assert write(acme).subject.startswith("We received")

        page = as_owner.get(f"{PAGE}payment_receipt?version=1").text
        assert "This is version 1" in page
        assert desk.hidden(as_owner.get(f"{PAGE}payment_receipt?version=1"), "based_on") == "2"
        assert "Thank you, {{ client_name }}" in page
        assert save(acme, as_owner, based_on=2).status_code == 303
        assert write(acme).subject.startswith("Thank you")
        versions = desk.stored(acme, MailTemplateVersion)
        assert [(one.version, one.is_default) for one in versions] == [
            (1, False),
            (2, True),
            (3, False),
        ]

    def test_a_version_that_never_was_is_not_found(self, as_owner: Browser):
        assert as_owner.get(f"{PAGE}payment_receipt?version=7").status_code == 404


class TestTrial:
    def test_the_preview_has_the_clients_own_data(
        self, as_owner: Browser, acme: Tenant, acme_client: Client
    ):
        for words in ("orbit", f"#{acme_client.id}"):
            answer = as_owner.post(
                f"{PAGE}payment_receipt/preview", data=typed(acme, as_client=words), headers=HTMX
            )
            assert "Thank you, Orbit Calls Ltd" in answer.text
            assert f"Orbit Calls #{acme_client.id}" in answer.text

    def test_another_tenants_client_is_not_found_for_it(
        self, as_owner: Browser, acme: Tenant, globex_client: Client
    ):
        for words in ("Nebula", f"#{globex_client.id}"):
            answer = as_owner.post(
                f"{PAGE}payment_receipt/preview", data=typed(acme, as_client=words), headers=HTMX
            )
            assert "No client is found" in answer.text
            assert "Nebula" not in answer.text

    def test_the_preview_says_what_is_wrong(self, as_owner: Browser, acme: Tenant):
        answer = as_owner.post(
            f"{PAGE}payment_receipt/preview", data=typed(acme, subject="{{ x }}"), headers=HTMX
        )
        assert "there is no variable “x”" in answer.text

    def test_its_html_stands_in_a_frame_without_rights(self, as_owner: Browser, acme: Tenant):
        answer = as_owner.post(f"{PAGE}payment_receipt/preview/html", data=typed(acme))
        policy = answer.headers["Content-Security-Policy"]
        assert policy.endswith("; sandbox")
        assert "script-src" not in policy
        assert "<b>50.00 USD</b>" in answer.text

    def test_a_test_goes_to_whoever_asks_and_once(self, as_owner: Browser, acme: Tenant):
        for _click in range(2):
            answer = as_owner.post(f"{PAGE}payment_receipt/test", data=typed(acme), headers=HTMX)
            assert answer.status_code == 200
        (mail,) = desk.stored(acme, MailMessage)
        assert (mail.to_address, mail.kind) == (acme.owner_email, "test")
        assert mail.subject.startswith("Test: Thank you")

    def test_who_may_only_read_sees_the_text_and_can_do_nothing(
        self, as_viewer: Browser, acme: Tenant
    ):
        page = as_viewer.get(f"{PAGE}payment_receipt").text
        assert "Hello {{ client_name }}," in page
        assert "Save text" not in page
        assert as_viewer.get(f"{PAGE}payment_receipt/html").status_code == 200
        for path in ("", "/default", "/preview", "/preview/html", "/test"):
            answer = as_viewer.post(f"{PAGE}payment_receipt{path}", data=typed(acme))
            assert answer.status_code == 403


class TestBroken:
    """A text that was stored past the checks, or no longer fits what is sent."""

    def _store(self, tenant: Tenant, **texts: str) -> None:
        with tenant_scope(tenant.scope), unit_of_work() as session:
            session.add(
                MailTemplateVersion(
                    reseller_id=tenant.id,
                    letter="payment_receipt",
                    locale="en",
                    version=1,
                    is_default=False,
                    author="x",
                    created_at=func.now(),
                    **{**OWN, **texts},
                )
            )

    @pytest.mark.parametrize(
        "texts",
        [
            {"body_text": "{{ gone }}"},
            {"body_text": "{{ client_name|money('EUR') }}"},
            {"body_html": "{{ client_name.__class__.__mro__ }}"},
            {"subject": "{% if is_partial %}x{% endif %}"},
            {"body_text": "{% if"},
            {"body_text": "{% for a in card %}{{ a.b }}{% endfor %}"},
        ],
    )
    def test_the_standard_text_goes_out_and_an_event_tells_once(self, acme: Tenant, texts):
        self._store(acme, **texts)
        for _mail in range(2):
            assert write(acme).subject == "We received your payment of 50.00 EUR"
        (event,) = desk.stored(acme, Event, code="mail_template_broken")
        assert "Payment receipt" in event.text

    def test_an_unknown_currency_in_the_data_is_not_blamed_on_nobody(self, acme: Tenant):
        with (
            tenant_scope(acme.scope),
            unit_of_work() as session,
            pytest.raises(TemplateProblem),
        ):
            templates.save_template(
                session,
                TemplateKey(acme.id, "payment_receipt", "en"),
                TemplateSource("x", "{{ amount|money('??') }}", ""),
                based_on=0,
            )


def test_the_standard_text_saved_as_it_is_says_the_same(as_owner: Browser, acme: Tenant):
    before = write(acme)
    source = unfold_letter("payment_receipt", "en")
    answer = save(
        acme,
        as_owner,
        subject=source.subject,
        body_text=source.body_text.replace("\n", "\r\n"),
        body_html=source.body_html.replace("\n", "\r\n"),
    )
    assert answer.status_code == 303
    after = write(acme)
    assert (after.subject, after.text) == (before.subject, before.text)
