"""Payment terms, tax profiles and payment gateways."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest

from billing import payment_accounts
from billing.client_billing import Billing
from billing.models import PaymentTerms, Tax, TaxProfile
from core.config import Settings
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import gateway_accounts
from payments.gateways.base import AccountInfo, Reply, ReplyStatus
from payments.models import GatewayAccount
from tenants.models import AuditRecord
from tests.factories.cast import Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk
from tests.sandbox.authorizenet_server import RunningSandbox, running_sandbox

TERMS, TAXES, GATEWAYS = "/office/payment-terms/", "/office/tax-profiles/", "/office/gateways/"


class TestTerms:
    def form(self, **changes: str) -> dict[str, str]:
        given = {
            "name": "Monthly",
            "rule": "day",
            "day_of_month": "31",
            "grace_days": "14",
            "remind_before": "7, 1",
            "remind_after": "1 7",
        }
        return {**given, **changes}

    def test_terms_are_made_once_and_late_days_become_28(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        for _click in range(2):
            assert (
                as_owner.post(TERMS + "new", data=self.form(day_of_month="28")).status_code == 303
            )

        (row,) = desk.stored(acme, PaymentTerms)
        assert (row.day_of_month, row.every_days, row.grace_days) == (28, None, 14)
        assert (row.remind_before, row.remind_after) == ([1, 7], [1, 7])
        assert "on day 28 of the month" in as_owner.get(TERMS).text

    def test_the_other_rule_takes_the_other_number(self, as_owner: Browser, acme: Tenant) -> None:
        as_owner.post(TERMS + "new", data=self.form(rule="every", every_days="15"))

        (row,) = desk.stored(acme, PaymentTerms)
        assert (row.day_of_month, row.every_days) == (None, 15)

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("name", "", "Enter a name."),
            ("day_of_month", "", "Enter a number."),
            ("day_of_month", "32", "Enter a number from 1 to 31."),
            ("remind_before", "soon", "Write days as whole numbers"),
            ("remind_after", "999", "Enter a number from 0 to 366."),
        ],
    )
    def test_a_mistake_is_told_at_its_field(
        self, as_owner: Browser, acme: Tenant, field: str, value: str, message: str
    ) -> None:
        answer = as_owner.post(TERMS + "new", data=self.form(**{field: value}))

        assert answer.status_code == 422
        assert message in answer.text
        assert f'href="#{field}"' in answer.text
        assert desk.stored(acme, PaymentTerms) == []

    def test_they_are_changed_and_deleted_unless_a_client_has_them(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        as_owner.post(TERMS + "new", data=self.form())
        (row,) = desk.stored(acme, PaymentTerms)
        as_owner.post(f"{TERMS}{row.id}", data=self.form(name="Each month", grace_days="7"))
        make_client(acme, "Bound Ltd", billing=Billing(payment_terms_id=row.id))

        assert desk.stored(acme, PaymentTerms)[0].name == "Each month"
        assert as_owner.post(f"{TERMS}{row.id}/delete").status_code == 409
        assert len(desk.stored(acme, PaymentTerms)) == 1

    def test_a_viewer_reads_and_cannot_write(self, as_viewer: Browser, acme: Tenant) -> None:
        assert as_viewer.get(TERMS).status_code == 200
        assert as_viewer.get(TERMS + "new").status_code == 403
        assert as_viewer.post(TERMS + "new", data=self.form()).status_code == 403


class TestTaxes:
    def form(self, **changes: str) -> dict[str, str]:
        given = {
            "name": "Quebec",
            "mode": "excluding",
            "is_default": "y",
            "taxes-0-name": "GST",
            "taxes-0-percent": "5",
            "taxes-0-priority": "1",
            "taxes-1-name": "QST",
            "taxes-1-percent": "9.975",
            "taxes-1-priority": "2",
            "taxes-2-name": "",
            "taxes-2-percent": "",
        }
        return {**given, **changes}

    def test_a_profile_is_made_once_without_its_empty_rows(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        for _click in range(2):
            assert as_owner.post(TAXES + "new", data=self.form()).status_code == 303

        assert len(desk.stored(acme, TaxProfile)) == 1
        assert {(tax.name, tax.percent, tax.priority) for tax in desk.stored(acme, Tax)} == {
            ("GST", Decimal(5), 1),
            ("QST", Decimal("9.975"), 2),
        }
        assert "QST 9.975%" in as_owner.get(TAXES).text

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": ""}, "Enter a name."),
            ({"taxes-0-percent": "101"}, "A tax is from 0 to 100 percent"),
            ({"taxes-0-percent": ""}, "Every tax needs a percent."),
            ({"taxes-0-percent": "much"}, "Write the amount in digits"),
            ({"taxes-1-name": "GST"}, "Each tax stands once in a profile."),
        ],
    )
    def test_a_mistake_is_told(
        self, as_owner: Browser, acme: Tenant, changes: dict[str, str], message: str
    ) -> None:
        answer = as_owner.post(TAXES + "new", data=self.form(**changes))

        assert answer.status_code == 422
        assert message in answer.text
        assert "data-error-summary" in answer.text
        assert desk.stored(acme, TaxProfile) == []

    def test_it_is_shown_changed_and_deleted(self, as_owner: Browser, acme: Tenant) -> None:
        as_owner.post(TAXES + "new", data=self.form())
        (row,) = desk.stored(acme, TaxProfile)

        page = as_owner.get(f"{TAXES}{row.id}")
        assert 'value="9.975"' in page.text
        change = {"name": "Plain", "mode": "including", "stamp": desk.hidden(page, "stamp"),
                  "taxes-0-name": "VAT", "taxes-0-percent": "20"}  # fmt: skip
        as_owner.post(f"{TAXES}{row.id}", data=change)
        assert [tax.name for tax in desk.stored(acme, Tax)] == ["VAT"]
        assert desk.stored(acme, TaxProfile)[0].mode == "including"
        assert as_owner.post(f"{TAXES}{row.id}", data=change).status_code == 409
        assert as_owner.post(f"{TAXES}{row.id}/delete").status_code == 303
        assert desk.stored(acme, TaxProfile) == []

    def test_the_default_stays_as_long_as_it_is_the_default(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        as_owner.post(TAXES + "new", data=self.form())
        (row,) = desk.stored(acme, TaxProfile)
        assert row.is_default
        assert as_owner.post(f"{TAXES}{row.id}/delete").status_code == 409
        assert desk.stored(acme, TaxProfile) != []

    def test_rows_are_added_and_removed_without_losing_what_is_typed(
        self, as_owner: Browser, acme: Tenant
    ) -> None:
        more = as_owner.post(TAXES + "new", data=self.form(action="add"))
        assert more.status_code == 200
        assert 'name="taxes-3-name"' in more.text
        less = as_owner.post(TAXES + "new", data=self.form(action="remove-taxes-0"))
        assert 'name="taxes-0-name"' not in less.text
        assert 'value="QST"' in less.text
        assert 'value="9.975"' in less.text
        assert desk.stored(acme, TaxProfile) == []

    def test_a_try_shows_each_tax_and_saves_nothing(self, as_owner: Browser, acme: Tenant) -> None:
        tried = as_owner.post(
            TAXES + "new", data=self.form(action="try", mode="excluding", try_amount="100.00")
        )
        assert "10.47375 USD" in tried.text
        assert "115.47 USD" in tried.text
        assert "-0.00375 USD" in tried.text
        taken_out = as_owner.post(
            TAXES + "new", data=self.form(action="try", mode="including", try_amount="115.47375")
        )
        assert "115.47375 USD with its taxes taken out" in taken_out.text
        assert desk.stored(acme, TaxProfile) == []


@pytest.fixture(scope="module")
def gateway_process() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


class TestGateways:
    secrets = {
        "login": "5KP3u95bQpv1",
        "transaction_key": "346HZ32z3fP4hTG2",
        "signature_key": "B" * 124 + "7777",
    }

    @pytest.fixture
    def form(self, acme: Tenant) -> dict[str, str]:
        with tenant_scope(acme.scope), unit_of_work() as session:
            account_id = payment_accounts.get_general(session, acme.id).id
        return {
            "name": "Cards",
            "currency": "USD",
            "mode": "sandbox",
            "payment_account_id": str(account_id),
            **self.secrets,
        }

    def test_credentials_go_in_and_never_come_out(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        for _click in range(2):
            assert as_owner.post(GATEWAYS + "new", data=form).status_code == 303

        (row,) = desk.stored(acme, GatewayAccount)
        pages = as_owner.get(GATEWAYS).text + as_owner.get(f"{GATEWAYS}{row.id}").text
        for secret in self.secrets.values():
            assert secret not in pages
            assert secret not in str(row.credentials)
        assert "•••• 7777" in pages
        assert f"/webhooks/authorizenet/{row.webhook_token}" in pages
        assert "sandbox" in pages

    def test_stripe_has_its_own_form_and_its_secret_can_follow(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        page = as_owner.get(GATEWAYS + "new?gateway=stripe").text
        assert "Stripe account" in page
        assert "Webhook signing secret" in page
        assert "Transaction key" not in page
        given = {**form, "gateway": "stripe", "secret_key": "sk_test_51Habcdefgh4321"}
        for _click in range(2):
            assert as_owner.post(GATEWAYS + "new", data=given).status_code == 303
        (row,) = desk.stored(acme, GatewayAccount)
        assert (row.gateway, list(row.credentials)) == ("stripe", ["secret_key"])
        listed = as_owner.get(GATEWAYS).text
        assert f"/webhooks/stripe/{row.webhook_token}" in listed
        assert "not entered yet" in listed

        as_owner.post(f"{GATEWAYS}{row.id}", data={**form, "webhook_secret": "whsec_abcdefgh8765"})

        listed = as_owner.get(GATEWAYS).text + as_owner.get(f"{GATEWAYS}{row.id}").text
        assert "•••• 8765" in listed
        assert "not entered yet" not in listed
        assert "whsec_abc" not in listed
        assert "sk_test_51" not in listed

    @pytest.mark.parametrize(
        ("key", "mode"), [("sk_live_51Habcdefgh", "sandbox"), ("sk_test_51Habcdefgh", "live")]
    )
    def test_a_key_of_the_other_mode_is_refused_at_its_field(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str], key: str, mode: str
    ) -> None:
        answer = as_owner.post(
            GATEWAYS + "new", data={**form, "gateway": "stripe", "mode": mode, "secret_key": key}
        )
        assert answer.status_code == 422
        assert "secret key: it begins with" in answer.text
        assert desk.stored(acme, GatewayAccount) == []

    def test_an_empty_credential_keeps_what_is_stored(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)
        (before,) = desk.stored(acme, GatewayAccount)
        empty = {name: "" for name in self.secrets}

        as_owner.post(f"{GATEWAYS}{before.id}", data={**form, **empty, "name": "Visa and more"})

        (after,) = desk.stored(acme, GatewayAccount)
        assert after.name == "Visa and more"
        assert after.credentials == before.credentials

    def test_a_failed_form_echoes_no_credential(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        answer = as_owner.post(GATEWAYS + "new", data={**form, "name": ""})

        assert answer.status_code == 422
        assert not any(secret in answer.text for secret in self.secrets.values())

    def test_a_second_account_of_a_currency_is_refused(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)

        answer = as_owner.post(GATEWAYS + "new", data={**form, "name": "Another"})

        assert "Another account of this gateway takes this currency." in answer.text
        assert len(desk.stored(acme, GatewayAccount)) == 1

    def test_it_is_switched_off_and_on(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)
        (row,) = desk.stored(acme, GatewayAccount)

        for enabled in ("0", "0", "1"):
            as_owner.post(f"{GATEWAYS}{row.id}/enabled", data={"enabled": enabled})
            assert desk.stored(acme, GatewayAccount)[0].enabled is (enabled == "1")

    def test_wrong_credentials_are_told_by_the_gateway_itself(
        self,
        as_owner: Browser,
        acme: Tenant,
        form: dict[str, str],
        app,
        gateway_process: RunningSandbox,
        settings: Settings,
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)
        (row,) = desk.stored(acme, GatewayAccount)
        reached = settings.model_copy(update={"authorizenet_test_api_url": gateway_process.api_url})
        app.extensions["settings"] = reached
        try:
            answer = as_owner.post(f"{GATEWAYS}{row.id}/test", headers=HTMX)
        finally:
            app.extensions["settings"] = settings

        assert answer.status_code == 200
        assert "refuses these credentials" in answer.headers["HX-Trigger"]

    def test_a_gateway_that_does_not_answer_is_told(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str], app, settings: Settings
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)
        (row,) = desk.stored(acme, GatewayAccount)
        app.extensions["settings"] = settings.model_copy(
            update={"authorizenet_test_api_url": "http://127.0.0.1:9/"}
        )
        try:
            answer = as_owner.post(f"{GATEWAYS}{row.id}/test", headers=HTMX)
        finally:
            app.extensions["settings"] = settings

        assert "does not answer" in answer.headers["HX-Trigger"]

    def test_the_audit_log_names_the_change_without_the_secret(
        self, as_owner: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)
        (row,) = desk.stored(acme, GatewayAccount)
        as_owner.post(f"{GATEWAYS}{row.id}", data=form)

        records = desk.stored(acme, AuditRecord, object_type="gateway_account")
        assert any("credentials" in record.changes for record in records)
        assert not any(
            secret in str(record.changes) for record in records for secret in self.secrets.values()
        )

    def test_a_viewer_sees_no_webhook_address(
        self, as_owner: Browser, as_viewer: Browser, acme: Tenant, form: dict[str, str]
    ) -> None:
        as_owner.post(GATEWAYS + "new", data=form)

        text = as_viewer.get(GATEWAYS).text

        assert "Cards" in text
        assert "/webhooks/authorizenet/" not in text
        assert "Test connection" not in text


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (AccountInfo("Acme", ("USD",), True, True), "Connected to Acme"),
        (AccountInfo("Acme", ("EUR",), True, True), "takes EUR and not USD"),
        (AccountInfo("Acme", ("USD",), False, True), "transaction details API is off"),
    ],
)
def test_what_the_gateway_says_of_the_account_is_put_in_words(
    app, acme: Tenant, settings: Settings, info: AccountInfo, words: str
) -> None:
    from portal.office.gateways.views import _describe

    account_id = desk.gateway(acme, settings.credential_key_ring)
    with tenant_scope(acme.scope), unit_of_work() as session:
        account = partial(gateway_accounts.get_account, session)(account_id)
        with app.test_request_context():
            text, _level = _describe(account, Reply(ReplyStatus.OK, info))

    assert words in text
