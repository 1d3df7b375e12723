"""Refill: an amount, a card, one charge, and a box that tells how it stands."""

import re
from decimal import Decimal
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select

from core.ids import new_id
from core.jobs import Job
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments.models import Refill
from payments.refills import fail
from portal.panel.refill import queries
from tests.billing.books import at_once
from tests.payments.till import Till, later
from tests.portal.browser import HTMX, Browser, signed_in
from tests.portal.panel import story
from tests.portal.panel.pages import field, form_action, refill_fields, words
from tests.sandbox.authorizenet_server import Browser as GatewayBrowser


def all_refills(till: Till) -> list[Refill]:
    with till.work() as session:
        return list(session.scalars(select(Refill).order_by(Refill.created_at)))


def drawn(me: Browser, **more: str) -> dict[str, str]:
    return refill_fields(me.get("/clients/refill").text, **more)


class TestForm:
    def test_it_offers_amounts_a_saved_card_and_another_one(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        page = me.get("/clients/refill")

        for text in ("10.00 USD", "25.00 USD", "50.00 USD", "100.00 USD", "Other amount"):
            assert text in words(page)
        assert f"Visa ending {card.last_four}" in words(page)
        assert "Expires 09/2031" in words(page)
        assert "Another card" in words(page)
        assert "From 1.00 to 50,000.00 USD." in words(page)
        assert "no real money moves" in words(page)

    def test_without_a_gateway_it_says_whom_to_ask(self, me: Browser, till: Till) -> None:
        from payments import gateway_accounts

        with till.work() as session:
            account = gateway_accounts.get_account(session, till.account_id)
            gateway_accounts.set_enabled(session, account, enabled=False)

        page = me.get("/clients/refill")

        assert "Acme takes no card payments in USD at present." in words(page)
        assert 'name="refill_id"' not in page.text
        answer = me.post("/clients/refill", data={"refill_id": new_id(), "choice": "10"})
        assert answer.status_code == 422

    def test_an_invoice_fills_in_what_is_open(self, me: Browser, till: Till) -> None:
        story.charge(till, "30.5", days_ago=12)
        invoice_id = story.invoice(till)

        page = me.get(f"/clients/refill?invoice={invoice_id}")

        assert 'value="30.50"' in page.text
        assert "is filled in" in words(page)
        assert 'value="30.50"' in me.get("/clients/refill?owed=1").text

    def test_another_tenants_invoice_fills_in_nothing(self, stranger: Browser, till: Till) -> None:
        story.charge(till, "30.5", days_ago=12)
        page = stranger.get(f"/clients/refill?invoice={story.invoice(till)}")

        assert page.status_code == 200
        assert "30.50" not in page.text

    def test_an_expired_card_cannot_be_chosen(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        with later(days=365 * 8):
            browser = signed_in(me.application, "panel", till.client.id, till.tenant.id)
            page = browser.get("/clients/refill")
            assert "Expired 09/2031" in words(page)
            answer = browser.post(
                "/clients/refill",
                data=refill_fields(page.text, choice="10", method=str(card.id)),
            )
        assert answer.status_code == 422
        assert all_refills(till) == []

    @pytest.mark.parametrize(
        ("choice", "amount", "message"),
        [
            ("own", "", "Enter an amount."),
            ("own", "abc", "Write the amount in digits"),
            ("own", "0,50", "Enter an amount from 1 to 50,000."),
            ("own", "50001", "Enter an amount from 1 to 50,000."),
            ("own", "10.005", "more decimals than USD has"),
            ("own", "-5", "Enter an amount from 1 to 50,000."),
            ("", "", "Choose an amount."),
            ("NaN", "", "Enter an amount."),
        ],
    )
    def test_a_wrong_amount_is_told_and_nothing_is_asked_for(
        self, me: Browser, till: Till, choice: str, amount: str, message: str
    ) -> None:
        card = till.save_card()
        answer = me.post(
            "/clients/refill",
            data=drawn(me, choice=choice, amount=amount, method=str(card.id)),
        )

        assert answer.status_code == 422
        assert message in words(answer)
        assert all_refills(till) == []

    def test_two_tabs_sent_at_once_are_one_payment(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        tabs = [signed_in(me.application, "panel", till.client.id, till.tenant.id) for _ in "12345"]
        forms = [drawn(tab, choice="25", method=str(card.id)) for tab in tabs]

        at_once(
            *(
                partial(tab.post, "/clients/refill", data=form)
                for tab, form in zip(tabs, forms, strict=True)
            )
        )

        assert len({form["refill_id"] for form in forms}) == 5
        assert len(all_refills(till)) == 1

    def test_who_is_about_to_pay_keeps_no_payment_from_being_booked(self, till: Till) -> None:
        """What is booked holds the balance, which the new payment needs: a ring of two."""
        card = till.save_card()
        refill_id = till.request(card)
        with tenant_scope(till.client.panel_scope), unit_of_work() as session:
            same = queries.find_same(session, amount=Decimal(99), card_id=card.id)
            till.charge(refill_id)

        assert same is None
        assert till.refill(refill_id).state == "succeeded"

    @pytest.mark.parametrize("typed", ["12,50", "12.50", " 12.5 "])
    def test_an_own_amount_takes_a_comma_or_a_point(
        self, me: Browser, till: Till, typed: str
    ) -> None:
        card = till.save_card()
        answer = me.post(
            "/clients/refill", data=drawn(me, choice="own", amount=typed, method=str(card.id))
        )

        assert answer.status_code == 303
        assert str(all_refills(till)[0].amount) == "12.500000"

    @pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111"])
    def test_a_card_number_is_refused_and_not_shown_again(
        self, me: Browser, till: Till, number: str
    ) -> None:
        answer = me.post(
            "/clients/refill", data=drawn(me, choice="own", amount=number, method="other")
        )

        assert answer.status_code == 422
        assert "looks like a card number" in words(answer)
        assert "1111 1111" not in answer.text
        assert "4111111" not in answer.text
        assert all_refills(till) == []

    def test_a_form_that_we_did_not_draw_is_refused(self, me: Browser, till: Till) -> None:
        answer = me.post("/clients/refill", data={"choice": "10", "method": "other"})

        assert answer.status_code == 422
        assert all_refills(till) == []


class TestSavedCard:
    def test_a_refill_is_asked_for_and_a_job_charges_it(
        self, me: Browser, till: Till, sent_jobs: list[Job]
    ) -> None:
        card = till.save_card()
        sent_jobs.clear()

        answer = me.post("/clients/refill", data=drawn(me, choice="25", method=str(card.id)))

        (refill,) = all_refills(till)
        assert answer.status_code == 303
        assert answer.location == f"/clients/refill/{refill.id}"
        assert [job.name for job in sent_jobs] == ["payments.charge_refill"]
        assert "25.00 USD is on its way" in words(me.get(answer.location))

    def test_the_same_form_sent_twice_is_one_charge(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        form = drawn(me, choice="25", method=str(card.id))

        first, second = (me.post("/clients/refill", data=form) for _ in range(2))

        assert first.location == second.location
        (refill,) = all_refills(till)
        till.charge(refill.id)
        till.charge(refill.id)
        assert till.taken() == ["25.00"]

    def test_back_and_a_newly_drawn_form_do_not_pay_again_while_the_first_is_open(
        self, me: Browser, till: Till
    ) -> None:
        card = till.save_card()
        first = me.post("/clients/refill", data=drawn(me, choice="25", method=str(card.id)))
        assert "Please do not make it twice." in words(me.get("/clients/refill"))

        second = me.post("/clients/refill", data=drawn(me, choice="25", method=str(card.id)))

        assert second.location == first.location
        assert len(all_refills(till)) == 1
        assert "it was not made a second time" in words(me.get(second.location))

    def test_after_the_end_a_new_form_is_a_new_payment(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        me.post("/clients/refill", data=drawn(me, choice="25", method=str(card.id)))
        till.charge(all_refills(till)[0].id)
        assert "You paid 25.00 USD a few minutes ago." in words(me.get("/clients/refill"))

        me.post("/clients/refill", data=drawn(me, choice="25", method=str(card.id)))

        assert len(all_refills(till)) == 2

    def test_the_same_id_with_other_content_is_refused(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        form = drawn(me, choice="25", method=str(card.id))
        me.post("/clients/refill", data=form)

        answer = me.post("/clients/refill", data={**form, "choice": "50"})

        assert answer.status_code == 409
        assert len(all_refills(till)) == 1

    def test_anothers_card_cannot_be_charged(
        self, me: Browser, till: Till, other_till: Till
    ) -> None:
        foreign = other_till.save_card()

        answer = me.post("/clients/refill", data=drawn(me, choice="25", method=str(foreign.id)))

        assert answer.status_code == 422
        assert "Choose how to pay." in words(answer)
        assert all_refills(till) == []


class TestAnotherCard:
    def open_page(self, me: Browser, choice: str = "50"):
        return me.post("/clients/refill", data=drawn(me, choice=choice, method="other"))

    def test_a_form_leads_to_the_gateways_page_and_only_this_answer_may(
        self, me: Browser, till: Till
    ) -> None:
        answer = self.open_page(me)

        url = f"{till.sandbox.hosted_url}/payment/payment"
        assert answer.status_code == 200
        assert f'action="{url}"' in answer.text
        assert field(answer.text, "token")
        assert form_action(answer) == f"form-action 'self' {till.sandbox.hosted_url}"
        assert form_action(me.get("/clients/refill")) == "form-action 'self'"
        form = re.search(r"(?s)<form[^>]*data-submit-at-once.*?</form>", answer.text)
        assert form
        assert "csrf" not in form[0]
        assert 'type="submit"' in form[0]

    def test_paid_there_it_is_known_after_the_gateway_was_asked(
        self, me: Browser, till: Till, sent_jobs: list[Job]
    ) -> None:
        answer = self.open_page(me)
        (refill,) = all_refills(till)
        with GatewayBrowser() as gateway:
            sent = gateway.fill_in(
                f"{till.sandbox.hosted_url}/payment/payment", field(answer.text, "token")
            )
        back = sent.headers["Location"].removeprefix("http://localhost")
        assert back == f"/clients/refill/{refill.id}/return"
        sent_jobs.clear()

        answer = me.get(back)

        assert {job.name for job in sent_jobs} == {"payments.look_up", "payments.sync_cards"}
        assert "is on its way" in words(me.get(answer.location))
        assert till.refill(refill.id).state == "processing"
        till.look_up(refill.id)
        page = me.get(answer.location)
        assert "50.00 USD is paid" in words(page)
        assert "Available now: 50.00 USD" in words(page)

    def test_the_return_alone_proves_nothing(self, me: Browser, till: Till) -> None:
        self.open_page(me)
        (refill,) = all_refills(till)

        me.get(f"/clients/refill/{refill.id}/return")
        till.look_up(refill.id)

        assert till.refill(refill.id).state == "processing"
        assert str(till.live()) == "0.000000"

    def test_who_cancels_there_may_pay_another_way(self, me: Browser, till: Till) -> None:
        card = till.save_card()
        self.open_page(me)
        (left,) = all_refills(till)
        page = me.get(f"/clients/refill/{left.id}")
        assert "Leave it unused and nothing is charged" in words(page)
        assert f'href="/clients/refill?amount={left.amount}"' in page.text

        me.post("/clients/refill", data=drawn(me, choice="50", method=str(card.id)))

        paid = next(refill for refill in all_refills(till) if refill.id != left.id)
        till.charge(paid.id)
        assert till.taken() == ["50.00"]
        assert till.refill(left.id).state == "processing"

    def test_asked_for_again_it_is_the_same_payment(self, me: Browser, till: Till) -> None:
        self.open_page(me)
        self.open_page(me)
        (refill,) = all_refills(till)
        again = me.post(f"/clients/refill/{refill.id}/page")

        assert again.status_code == 200
        assert "data-submit-at-once" in again.text
        assert len(all_refills(till)) == 1

    def test_a_gateway_that_is_down_is_told_and_the_payment_can_be_taken_up(
        self, me: Browser, till: Till
    ) -> None:
        till.sandbox.misbehave("http_502", times=3, call="*")

        answer = self.open_page(me)

        assert answer.status_code == 303
        page = me.get(answer.location)
        assert "The payment gateway does not answer." in words(page)
        assert "Open the payment page" in words(page)
        till.sandbox.behave()
        assert me.post(f"{answer.location}/page").status_code == 200

    def test_a_finished_payment_opens_no_page(self, me: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(), "10.00")
        till.charge(refill_id)

        answer = me.post(f"/clients/refill/{refill_id}/page")

        assert answer.status_code == 303


class TestProgress:
    def box(self, me: Browser, refill_id: UUID, query: str = ""):
        return me.get(f"/clients/refill/{refill_id}{query}", headers=HTMX)

    def test_the_box_asks_again_until_the_end_and_then_no_more(
        self, me: Browser, till: Till
    ) -> None:
        refill_id = till.request(till.save_card(), "10.00")

        running = self.box(me, refill_id)
        assert 'id="progress"' in running.text
        assert "<html" not in running.text
        assert "load delay:1s" in running.text
        assert "look=1" in running.text
        assert "load delay:5s" in self.box(me, refill_id, "?look=40").text

        till.charge(refill_id)
        done = self.box(me, refill_id)
        assert "hx-trigger" not in done.text
        assert "10.00 USD is paid" in words(done)
        assert "Available now: 10.00 USD" in words(done)
        assert f"/clients/transactions/{refill_id}" in done.text

    def test_after_long_it_leaves_the_asking_to_a_click(self, me: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(), "10.00")

        tired = self.box(me, refill_id, "?look=120")

        assert "hx-trigger" not in tired.text
        assert "Look again" in words(tired)

    def test_a_decline_says_why_and_what_to_do(self, me: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(zip="46282"), "10.00")
        till.charge(refill_id)

        page = self.box(me, refill_id)

        assert "10.00 USD was declined" in words(page)
        assert "The bank declined the card. Nothing was charged." in words(page)
        assert "/clients/refill?amount=10" in page.text

    def test_a_partial_approval_offers_to_pay_the_rest(self, me: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(zip="46225"), "10.00")
        till.charge(refill_id)

        page = self.box(me, refill_id)

        assert "1.23 USD is paid" in words(page)
        assert "only this part of 10.00 USD" in words(page)
        assert "amount=8.77" in page.text

    def test_held_for_review_says_so_and_does_not_ask_again(self, me: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(zip="46290"), "10.00")
        till.charge(refill_id)

        page = self.box(me, refill_id)

        assert "10.00 USD is held for review" in words(page)
        assert "please do not pay again" in words(page)
        assert "hx-trigger" not in page.text

    def test_an_unknown_outcome_says_not_to_pay_again(self, me: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(), "10.00")
        till.sandbox.misbehave("drop_after")
        till.charge(refill_id)

        page = self.box(me, refill_id)

        assert "We are asking the gateway about 10.00 USD" in words(page)
        assert "Please do not pay again" in words(page)
        assert "hx-trigger" in page.text

    def test_a_failed_and_an_abandoned_one_say_that_nothing_was_charged(
        self, me: Browser, till: Till
    ) -> None:
        refill_id = till.request(till.save_card(), "10.00")
        with till.work() as session:
            from payments import refills

            fail(session, refills.lock_refill(session, refill_id), "The card was removed.")
        assert "10.00 USD could not be paid" in words(self.box(me, refill_id))

        me.post("/clients/refill", data=drawn(me, choice="50", method="other"))
        hosted = all_refills(till)[-1]
        with later(minutes=30):
            till.look_up(hosted.id)
        page = self.box(me, hosted.id)
        assert "50.00 USD was not paid" in words(page)
        assert "Nothing was charged." in words(page)


class TestWalls:
    @pytest.mark.parametrize("path", ["", "/return"])
    def test_another_clients_payment_does_not_exist(
        self, stranger: Browser, till: Till, path: str
    ) -> None:
        refill_id = till.request(till.save_card(), "10.00")

        there = stranger.get(f"/clients/refill/{refill_id}{path}")
        missing = stranger.get(f"/clients/refill/{new_id()}{path}")

        assert there.status_code == missing.status_code == 404
        assert words(there).split("number:")[0] == words(missing).split("number:")[0]

    def test_its_page_cannot_be_opened_either(self, stranger: Browser, till: Till) -> None:
        refill_id = till.request(till.save_card(), "10.00")

        assert stranger.post(f"/clients/refill/{refill_id}/page").status_code == 404

    def test_its_id_cannot_be_taken(self, stranger: Browser, till: Till, other_till: Till) -> None:
        refill_id = till.request(till.save_card(), "10.00")
        card = other_till.save_card()

        answer = stranger.post(
            "/clients/refill",
            data={"refill_id": refill_id, "choice": "10", "method": str(card.id)},
        )

        assert answer.status_code == 409
        assert len(all_refills(till)) == 1
