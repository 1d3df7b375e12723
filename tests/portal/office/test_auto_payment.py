"""Auto payment for the staff: the list, one client's page, the rules for declines, the letters."""

import re
from decimal import Decimal
from uuid import UUID

import pytest

from core.config import Settings
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail import queue
from mail.models import MailMessage
from payments import auto_payment, dunning, notices
from payments.auto_payment import AutoPayment
from payments.dunning_models import DunningRules
from payments.gateways.declines import DeclineKind
from payments.notices import Decline
from payments.refills import move
from payments.state import RefillNews
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

LIST = "/office/auto-payment/"
RULES = f"{LIST}rules"
LETTERS = "/office/mail-templates/"


@pytest.fixture
def auto_client(acme: Tenant, settings: Settings) -> Client:
    """A prepaid client with a card, Extra Amount 35 and a cap of 100 a day."""
    queue.configure(settings)
    made = make_client(
        acme, "Orbit Calls", login="orbit", auto=AutoPayment(True, Decimal(35), Decimal(100))
    )
    desk.card(acme, made, desk.gateway(acme, settings.credential_key_ring))
    return made


def ask(tenant: Tenant, client: Client) -> UUID:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        refill = auto_payment.request_due(session, client.id)
        assert refill is not None
        return refill.id


def decline(tenant: Tenant, client: Client, *, code: str = "2") -> None:
    """What is due is asked for and declined, as the door for news writes it down."""
    with tenant_scope(tenant.scope), unit_of_work() as session:
        refill = auto_payment.request_due(session, client.id)
        assert refill is not None
        move(refill, RefillNews.BEGUN)
        move(refill, RefillNews.DECLINED, reason="The bank declined the card.")
        session.flush()
        dunning.record_decline(session, refill, Decline(DeclineKind.OTHER, code))


class TestList:
    def test_a_client_that_is_due_stands_there_with_the_amount_and_the_reason(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.charge(acme, auto_client, "10", tax_mode="none")

        text = as_owner.get(LIST).text

        assert f'href="{LIST}{auto_client.id}"' in text
        assert "Would charge 45.00 USD now" in text
        assert "Because Available is -10.00 USD, which is zero or less." in text
        assert "The Extra Amount of 35.00 USD is added." in text

    @pytest.mark.parametrize(
        ("state", "is_there"),
        [("on", True), ("waiting", True), ("any", True), ("suspended", False), ("off", False),
         ("under_way", False), ("no_card", False), ("nonsense", True)],
    )  # fmt: skip
    def test_the_filter_finds_who_waits_for_the_next_try(
        self,
        as_owner: Browser,
        acme: Tenant,
        auto_client: Client,
        state: str,
        is_there: bool,
    ) -> None:
        desk.charge(acme, auto_client, "10", tax_mode="none")
        decline(acme, auto_client)

        text = as_owner.get(f"{LIST}?state={state}", headers=HTMX).text

        assert ("Orbit Calls" in text) == is_there

    def test_who_is_suspended_can_be_resumed_from_the_list(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.suspend(acme, auto_client)
        assert "Resume auto payment of Orbit Calls" in as_owner.get(LIST).text

        answer = as_owner.post(
            f"/office/refills/resume/{auto_client.id}", data={"next": f"{LIST}?state=suspended"}
        )

        assert answer.location == f"{LIST}?state=suspended"
        text = as_owner.get(f"{LIST}?state=suspended", headers=HTMX).text
        assert "No client matches" in text

    def test_the_way_back_is_never_another_site(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        answer = as_owner.post(
            f"/office/refills/resume/{auto_client.id}", data={"next": "https://evil.example/"}
        )
        assert answer.location == f"/office/clients/{auto_client.id}"

    def test_nobody_else_s_clients_are_listed(
        self, as_stranger: Browser, auto_client: Client
    ) -> None:
        text = as_stranger.get(f"{LIST}?state=any").text
        assert "Orbit Calls" not in text
        assert as_stranger.get(f"{LIST}{auto_client.id}").status_code == 404

    def test_a_viewer_reads_it_without_a_button_that_acts(
        self, as_viewer: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.suspend(acme, auto_client)
        for address in (LIST, f"{LIST}{auto_client.id}", RULES):
            answer = as_viewer.get(address)
            assert answer.status_code == 200
            assert 'method="post" action="/office/' not in answer.text.replace(
                'method="post" action="/office/auto-payment/rules"', ""
            )
        assert "Save rules" not in as_viewer.get(RULES).text
        assert as_viewer.post(RULES, data={}).status_code == 403


class TestOneClient:
    def test_its_figures_calendar_and_history(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.charge(acme, auto_client, "10", tax_mode="none")
        decline(acme, auto_client, code="2")

        text = re.sub(r"\s+", " ", as_owner.get(f"{LIST}{auto_client.id}").text)

        assert "Waits for the next try" in text
        assert "after 2 declines in a row: again on" in text
        assert "after 3 declines in a row: suspended" in text
        assert "The bank declined the card." in text
        assert "Declined without a reason (2)" in text
        assert "charge asked for" in text
        # the figures that the charge was computed from, kept with it
        assert re.search(r"Available</dt><dd>.{0,80}-10\.00", text)
        assert re.search(r"Charged</dt><dd>.{0,80}45\.00", text)

    def test_a_cap_that_leaves_less_says_so(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.charge(acme, auto_client, "90", tax_mode="none")
        text = as_owner.get(f"{LIST}{auto_client.id}").text
        assert "Would charge 100.00 USD now" in text
        assert "leave less than the 125.00 USD wanted" in text

    def test_a_charge_under_way_is_told(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.charge(acme, auto_client, "10", tax_mode="none")
        ask(acme, auto_client)
        assert "Charge under way" in as_owner.get(f"{LIST}{auto_client.id}").text

    def test_a_client_that_never_had_it_has_a_page_too(
        self, as_owner: Browser, acme_client: Client
    ) -> None:
        text = as_owner.get(f"{LIST}{acme_client.id}").text
        assert "Auto payment is off." in text
        assert "Nothing has happened yet" in text

    def test_the_page_of_the_client_says_it_and_leads_here(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        desk.charge(acme, auto_client, "10", tax_mode="none")
        text = as_owner.get(f"/office/clients/{auto_client.id}").text
        assert "Would charge 45.00 USD now" in text
        assert f'href="{LIST}{auto_client.id}"' in text


class TestRules:
    def form(self, browser: Browser, tenant: Tenant, **changes: str) -> dict[str, str]:
        found = re.search(r'name="stamp" value="(\w+)"', browser.get(RULES).text)
        assert found
        return {
            "reseller": str(tenant.id),
            "stamp": found[1],
            "retries": "2h, 1d, 7",
            "at_hour": "9",
            "declines_to_suspend": "4",
            "expiry_days": "20",
            "codes": "4, 41",
            "stop_fraud_checks": "y",
            "words_other": "Ring us.",
            **changes,
        }

    def test_what_is_saved_holds_and_is_shown(self, as_owner: Browser, acme: Tenant) -> None:
        assert as_owner.post(RULES, data=self.form(as_owner, acme)).status_code == 303

        (row,) = desk.stored(acme, DunningRules)
        assert (row.retry_hours, row.at_hour, row.declines_to_suspend) == ([2, 24, 168], 9, 4)
        assert (row.stop_kinds, row.stop_codes) == (["fraud_checks"], ["4", "41"])
        assert (row.words, row.expiry_days) == ({"other": "Ring us."}, 20)
        text = as_owner.get(RULES).text
        assert 'value="2h, 1d, 7d"' in text
        assert "Ring us.</textarea>" in text

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"retries": "soon"}, "retries"),
            ({"retries": ""}, "retries"),
            ({"retries": "99d"}, "retries"),
            ({"declines_to_suspend": "0"}, "declines_to_suspend"),
            ({"declines_to_suspend": "many"}, "declines_to_suspend"),
            ({"at_hour": "24"}, "at_hour"),
            ({"codes": "a b; drop"}, "codes"),
            ({"words_other": "x" * 501}, "words_other"),
            ({"words_other": "4111 1111 1111 1111"}, "words_other"),
        ],
    )
    def test_what_makes_no_sense_is_told_at_its_field_and_nothing_typed_is_lost(
        self, as_owner: Browser, acme: Tenant, changes: dict[str, str], field: str
    ) -> None:
        answer = as_owner.post(RULES, data=self.form(as_owner, acme, **changes))

        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.text
        assert 'value="20"' in answer.text
        assert "4111 1111" not in answer.text
        assert desk.stored(acme, DunningRules) == []

    def test_who_saves_second_is_told(self, as_owner: Browser, acme: Tenant) -> None:
        first = self.form(as_owner, acme)
        second = {**first, "declines_to_suspend": "5"}
        assert as_owner.post(RULES, data=first).status_code == 303

        answer = as_owner.post(RULES, data=second)

        assert answer.status_code == 409
        assert "Somebody has changed these settings" in answer.text
        assert desk.stored(acme, DunningRules)[0].declines_to_suspend == 4

    def test_another_reseller_s_rules_do_not_exist(
        self, as_owner: Browser, acme: Tenant, globex: Tenant
    ) -> None:
        assert as_owner.get(f"{RULES}?reseller={globex.id}").status_code == 404
        form = self.form(as_owner, acme, reseller=str(globex.id))
        assert as_owner.post(RULES, data=form).status_code == 404


class TestLetters:
    def test_a_letter_of_a_payment_can_be_switched_off_and_on(
        self, as_owner: Browser, acme: Tenant, auto_client: Client
    ) -> None:
        form = {"reseller": str(acme.id), "on": "0"}
        for _click in range(2):
            answer = as_owner.post(f"{LETTERS}voucher_redeemed/switch", data=form)
            assert answer.status_code == 303
        self._redeem(acme, auto_client)
        assert self._subjects(acme) == []

        as_owner.post(f"{LETTERS}voucher_redeemed/switch", data={**form, "on": "1"})
        self._redeem(acme, auto_client)
        assert self._subjects(acme) == ["Your voucher of 5.00 USD was redeemed"]

    def test_a_link_to_sign_in_is_always_sent(self, as_owner: Browser, acme: Tenant) -> None:
        answer = as_owner.post(
            f"{LETTERS}password_reset/switch", data={"reseller": str(acme.id), "on": "0"}
        )
        assert answer.status_code == 422

    def test_nobody_switches_for_another_reseller(self, as_owner: Browser, globex: Tenant) -> None:
        answer = as_owner.post(
            f"{LETTERS}card_saved/switch", data={"reseller": str(globex.id), "on": "0"}
        )
        assert answer.status_code == 404

    def _redeem(self, tenant: Tenant, client: Client) -> None:
        with tenant_scope(tenant.scope), unit_of_work() as session:
            notices.mail_voucher(
                session,
                client.id,
                redemption_id=new_id(),
                amount=Decimal(5),
                currency="USD",
                voucher="SPRING 000001",
            )

    def _subjects(self, tenant: Tenant) -> list[str]:
        return [mail.subject for mail in desk.stored(tenant, MailMessage)]
