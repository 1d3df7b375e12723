"""Payment terms and tax profiles: what they refuse, and that nobody takes another tenant's."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing import payment_terms, tax_profiles, transactions
from billing.tax_profiles import TaxRow
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from tenants.stamps import make_stamp
from tests.billing.books import Books

D = Decimal
MAY, JUNE, JULY = date(2026, 5, 31), date(2026, 6, 30), date(2026, 7, 1)


def make_terms(books: Books, name: str = "Monthly", **rule) -> int:
    with books.work() as session:
        return payment_terms.create_terms(
            session, reseller_id=books.tenant.id, name=name, **(rule or {"day_of_month": 1})
        ).id


def make_profile(books: Books, *taxes, name: str = "VAT") -> int:
    with books.work() as session:
        return tax_profiles.create_profile(
            session, reseller_id=books.tenant.id, name=name, taxes=taxes or [("VAT", D(20), 1)]
        ).id


def test_the_last_days_of_the_month_become_the_28th(acme: Books):
    terms_id = make_terms(acme, day_of_month=31, remind_before=[3, 1, 3])
    with acme.work() as session:
        terms = payment_terms.get_terms(session, terms_id)
        assert (terms.day_of_month, terms.remind_before) == (28, [1, 3])


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"day_of_month": None}, "day_of_month"),
        ({"day_of_month": 1, "every_days": 7}, "day_of_month"),
        ({"day_of_month": 32}, "day_of_month"),
        ({"every_days": 0}, "every_days"),
        ({"every_days": 367}, "every_days"),
        ({"day_of_month": 1, "grace_days": -1}, "grace_days"),
        ({"day_of_month": 1, "remind_after": [-1]}, "remind_after"),
    ],
)
def test_terms_that_make_no_sense_are_refused_at_their_field(acme: Books, rule, field):
    with pytest.raises(InvalidInputError) as refused:
        make_terms(acme, **rule)
    assert refused.value.field == field


def test_two_terms_or_profiles_of_one_name_are_refused(acme: Books, globex: Books):
    make_terms(acme, "Net 30")
    make_profile(acme, name="VAT")
    with pytest.raises(InvalidInputError):
        make_terms(acme, "net  30")
    with pytest.raises(InvalidInputError):
        make_profile(acme, name="vat")
    make_terms(globex, "Net 30")
    make_profile(globex, name="VAT")


def test_what_a_client_uses_cannot_be_deleted(acme: Books):
    terms_id, profile_id = make_terms(acme), make_profile(acme)
    acme.save_billing(payment_terms_id=terms_id, tax_profile_id=profile_id)
    with acme.work() as session:
        with pytest.raises(ConflictError):
            payment_terms.delete_terms(session, terms_id)
        with pytest.raises(ConflictError):
            tax_profiles.delete_profile(session, profile_id)
    acme.save_billing()
    with acme.work() as session:
        payment_terms.delete_terms(session, terms_id)
        tax_profiles.delete_profile(session, profile_id)
        assert payment_terms.list_terms(session, acme.tenant.id) == []
        assert tax_profiles.list_profiles(session, acme.tenant.id) == []


@pytest.mark.parametrize("field", ["payment_terms_id", "tax_profile_id"])
def test_a_client_takes_only_what_its_own_reseller_has(acme: Books, globex: Books, field: str):
    made = make_terms(globex) if field == "payment_terms_id" else make_profile(globex)
    with pytest.raises(InvalidInputError) as refused:
        acme.save_billing(**{field: made})
    assert refused.value.field == field
    with acme.work() as session, pytest.raises(NotFoundError):
        payment_terms.get_terms(session, made) if field == "payment_terms_id" else (
            tax_profiles.get_profile(session, made)
        )


def test_autoinvoicing_needs_terms(acme: Books):
    with pytest.raises(InvalidInputError) as refused:
        acme.save_billing(autoinvoicing=True)
    assert refused.value.field == "payment_terms_id"


@pytest.mark.parametrize(
    "taxes",
    [
        [("", D(1), 1)],
        [("A", D(1), 1), ("A", D(2), 2)],
        [("A", D(101), 1)],
        [("A", D("-1"), 1)],
        [("A", D("0.0000001"), 1)],
        [("A", D(1), 0)],
        [TaxRow("A", D(1), 1, JUNE, MAY)],
        [TaxRow("A", D(1), 1, None, JUNE), TaxRow("A", D(2), 1, JUNE, None)],
    ],
)
def test_taxes_that_cannot_be_taken_are_refused(acme: Books, taxes):
    with pytest.raises(InvalidInputError) as refused:
        make_profile(acme, *taxes)
    assert refused.value.field == "taxes"


def charge(books: Books, dated_at: datetime, mode: str = "profile") -> transactions.Transaction:
    with books.work() as session:
        return transactions.create_charge(
            session,
            transaction_id=new_id(),
            client_id=books.client.id,
            amount=D(100),
            tax_mode=mode,  # type: ignore[arg-type]
            dated_at=dated_at,
        )


def test_a_tax_changes_by_itself_at_midnight_of_the_client(acme: Books):
    with acme.work() as session:
        tax_profiles.create_profile(
            session,
            reseller_id=acme.tenant.id,
            name="VAT",
            is_default=True,
            taxes=[
                TaxRow("VAT", D(19), 1, None, JUNE),
                TaxRow("VAT", D(16), 1, JULY, None),
            ],
        )
    # the client lives in New York: midnight there is four hours after midnight in UTC
    before, after = (datetime(2026, 7, 1, hour, 59, tzinfo=UTC) for hour in (3, 4))
    assert [charge(acme, at).tax for at in (before, after)] == [D(19), D(16)]


def test_the_profile_says_whether_prices_include_their_taxes(acme: Books):
    profile_id = make_profile(acme, ("VAT", D(25), 1))
    acme.save_billing(tax_profile_id=profile_id)
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert charge(acme, at).total == D(125)
    with acme.work() as session:
        tax_profiles.update_profile(
            session, profile_id, name="VAT", taxes=[("VAT", D(25), 1)], mode="including"
        )
    made = charge(acme, at)
    assert (made.tax_mode, made.net, made.tax, made.total) == ("including", D(80), D(20), D(100))
    assert charge(acme, at, "excluding").total == D(125)


def test_an_exempt_client_pays_no_tax_and_its_charge_says_why(acme: Books):
    with pytest.raises(InvalidInputError), acme.work() as session:
        tax_profiles.create_profile(
            session, reseller_id=acme.tenant.id, name="X", taxes=[("VAT", D(1), 1)], mode="exempt"
        )
    with acme.work() as session:
        profile_id = tax_profiles.create_profile(
            session,
            reseller_id=acme.tenant.id,
            name="EU",
            taxes=[("Reverse charge", D(0), 1)],
            mode="exempt",
        ).id
    acme.save_billing(tax_profile_id=profile_id)
    made = charge(acme, datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert (made.net, made.tax) == (D(100), D(0))
    assert made.tax_details["taxes"][0]["name"] == "Reverse charge"


def test_what_is_booked_keeps_its_taxes_whatever_becomes_of_the_profile(acme: Books):
    profile_id = make_profile(acme, ("VAT", D(20), 1))
    acme.save_billing(tax_profile_id=profile_id)
    made = charge(acme, datetime(2026, 7, 1, 12, tzinfo=UTC))
    acme.save_billing()
    with acme.work() as session:
        tax_profiles.update_profile(session, profile_id, name="New", taxes=[("GST", D(1), 1)])
    with acme.work() as session:
        tax_profiles.delete_profile(session, profile_id)
        kept = transactions.get_transaction(session, made.id)
        assert (kept.tax, kept.tax_details["profile"]) == (D(20), "VAT")
        assert kept.tax_details["day"] == "2026-07-01"
        assert kept.tax_details["taxes"] == made.tax_details["taxes"]


def test_the_default_cannot_be_deleted_and_nobody_saves_over_another(acme: Books):
    with acme.work() as session:
        profile = tax_profiles.create_profile(
            session, reseller_id=acme.tenant.id, name="VAT", taxes=[("VAT", D(5), 1)],
            is_default=True,
        )  # fmt: skip
        shown = make_stamp(tax_profiles.facts(profile, tax_profiles.list_rows(session, profile.id)))
        with pytest.raises(ConflictError):
            tax_profiles.delete_profile(session, profile.id)
    change = {"name": "VAT", "taxes": [("VAT", D(6), 1)], "stamp": shown}
    with acme.work() as session:
        tax_profiles.update_profile(session, profile.id, **change)
    with acme.work() as session, pytest.raises(ConflictError):
        tax_profiles.update_profile(session, profile.id, **change)
