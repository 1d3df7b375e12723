"""A letter for every event of a payment: once each, with all that is listed, in any language."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from core.db import Session
from core.ids import new_id
from mail import letter_switches, letters, templates
from mail.letter_catalogue import get_letter, list_letters
from mail.template_source import TemplateSource
from mail.templates import TemplateKey
from payments import card_letters, notices, saved_cards
from payments.gateways.declines import DeclineKind
from payments.models import Refill
from payments.notices import Decline
from tenants.models import ClientCompany
from tests.payments.till import Till

Tell = Callable[[Session, Refill], None]
REDEMPTION, REFUND = new_id(), new_id()
THEFT = Decline(DeclineKind.LOST_OR_STOLEN, "stolen_card", is_hard=True)

TOLD: dict[str, Tell] = {
    "payment_receipt": notices.mail_receipt,
    "payment_declined": lambda session, refill: notices.mail_decline(session, refill, THEFT),
    "payment_held": notices.mail_held,
    "payment_confirmation": notices.mail_confirmation,
    "payment_voided": notices.mail_void,
    "payment_refunded": lambda session, refill: notices.mail_refund(
        session, refill, refund_id=REFUND, amount=Decimal(4)
    ),
    "payment_chargeback": lambda session, refill: notices.mail_chargeback(
        session, refill, dispute="dp_1", amount=Decimal(10)
    ),
    "payment_chargeback_reversed": lambda session, refill: notices.mail_chargeback_reversed(
        session, refill, dispute="dp_1", amount=Decimal(10)
    ),
    "auto_payment_succeeded": notices.mail_auto_success,
    "auto_payment_declined": lambda session, refill: notices.mail_auto_decline(
        session, refill, Decline(), datetime(2026, 11, 24, 9, tzinfo=UTC)
    ),
    "auto_payment_suspended": lambda session, refill: notices.mail_auto_suspension(
        session, refill, THEFT
    ),
    "voucher_redeemed": lambda session, refill: notices.mail_voucher(
        session,
        refill.client_id,
        redemption_id=REDEMPTION,
        amount=Decimal(5),
        currency="USD",
        voucher="SPRING 000001",
    ),
}


@pytest.fixture
def paid(till: Till) -> Refill:
    refill_id = till.request(till.save_card(), "10.00")
    with till.work() as session:
        # the receipt comes below like all others
        letter_switches.switch_letter(session, till.tenant.id, "payment_receipt", on=False)
    till.charge(refill_id)
    with till.work() as session:
        letter_switches.switch_letter(session, till.tenant.id, "payment_receipt", on=True)
    return till.refill(refill_id)


def tell(till: Till, letter: str, refill: Refill) -> None:
    with till.work() as session:
        TOLD[letter](session, refill)


@pytest.mark.parametrize("letter", sorted(TOLD))
def test_each_event_is_mailed_once_with_every_variable_that_is_listed(
    till: Till, paid: Refill, letter: str
):
    listed = " | ".join(f"{one.name}={{{{ {one.name} }}}}" for one in get_letter(letter).variables)
    with till.work() as session:
        templates.save_template(
            session,
            TemplateKey(till.tenant.id, letter, "en"),
            TemplateSource("Own words", listed, ""),
            based_on=0,
        )
    for _time in range(2):
        tell(till, letter, paid)
    (mail,) = till.mails()
    # a variable that the code does not give would have sent the standard text
    assert mail.subject == "Own words"
    assert till.events() == []


@pytest.mark.parametrize("letter", sorted(TOLD))
def test_what_is_switched_off_is_not_mailed(till: Till, paid: Refill, letter: str):
    with till.work() as session:
        letter_switches.switch_letter(session, till.tenant.id, letter, on=False)
    tell(till, letter, paid)
    assert till.mails() == []


def test_a_theft_is_not_told_to_whoever_reads_the_mail(till: Till, paid: Refill):
    with till.work() as session:
        templates.save_template(
            session,
            TemplateKey(till.tenant.id, "payment_declined", "en"),
            TemplateSource("x", "{{ category }} {{ reason }} {{ advice }}", ""),
            based_on=0,
        )
    tell(till, "payment_declined", paid)
    assert till.mails()[0].body_text.split()[0] == "other"
    assert "stolen" not in till.mails()[0].body_text


def test_parts_of_a_refund_are_a_letter_each(till: Till, paid: Refill):
    for amount in (4, 6):
        with till.work() as session:
            notices.mail_refund(session, paid, refund_id=new_id(), amount=Decimal(amount))
    assert sorted(mail.subject for mail in till.mails()) == [
        "We gave back 4.00 USD",
        "We gave back 6.00 USD",
    ]
    assert "the rest of it stays on your balance" in till.mails()[0].body_text


def test_every_optional_letter_is_told_by_some_event():
    # what subscriptions tell is tested with them
    optional = {
        one.name
        for one in list_letters()
        if one.is_optional and not one.name.startswith("subscription_")
    }
    of_cards = {"card_saved", "card_updated", "card_removed", "card_expiring"}
    assert optional == set(TOLD) | of_cards | {"auto_payment_resumed"}


@pytest.mark.parametrize("locale", ["en", "de", "ja", "ar"])
@pytest.mark.parametrize("letter", [one for one in list_letters() if one.is_optional], ids=str)
def test_every_letter_has_a_subject_and_two_bodies_in_every_language(letter, locale: str):
    written = letters.render(letter.name, locale, **letter.examples())
    assert written.subject
    assert "Orbit Calls Ltd" in written.text
    assert "Orbit Calls Ltd" in written.html
    assert "\n\n\n" not in written.text


def test_a_client_without_an_address_stops_nothing_and_the_staff_hear_of_it(till: Till):
    with till.work() as session:
        saved = till.save_card()
        company = session.scalars(
            select(ClientCompany).where(ClientCompany.client_id == till.client.id)
        ).one()
        company.billing_email = company.main_email = ""
        session.flush()
    with till.work() as session:
        assert card_letters.tell_client(session, till.client.id) == 0
        assert saved_cards.get_card(session, till.client.id, saved.id).tell_at is None
    assert till.mails() == []
    assert till.events() == ["mail_not_queued"]
