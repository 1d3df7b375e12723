"""Payment terms and tax profiles: what they refuse, and that nobody takes another tenant's."""

from decimal import Decimal

import pytest

from billing import payment_terms, tax_profiles
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.billing.books import Books

D = Decimal


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
    ],
)
def test_taxes_that_cannot_be_taken_are_refused(acme: Books, taxes):
    with pytest.raises(InvalidInputError) as refused:
        make_profile(acme, *taxes)
    assert refused.value.field == "taxes"
