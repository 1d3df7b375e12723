"""The filters of clients: what an address means, and that it comes back as the same address."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict

from billing import payment_terms
from billing.client_billing import Billing
from core.clock import now
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments.auto_payment import AutoPayment
from portal.office.client_columns import select_clients
from portal.office.client_search import Filters, Range, list_columns, narrow, parse_filters
from portal.office.period import NAMES
from portal.viewer import Viewer, set_viewer
from tenants import client_blocks
from tenants.client_blocks import Company
from tenants.clients import get_client
from tenants.models import Client as ClientRow
from tests.factories.cast import Client, Tenant, make_client, make_tenant
from tests.portal.office import desk

TEXTS = ["", "orb", "*", "*elec", "Zürich & Söhne", "100%", "a+b=c", "Ωμέγα", "שלום", "=1+1", "#7"]
AMOUNTS = [None, "0", "-5", "1234.5", "1.234", "0.000001", "99999999", "-1000.10"]


@pytest.fixture
def in_language(app: Flask) -> Callable[[str], Any]:
    """A request of somebody who reads this language."""

    def open_request(locale: str) -> Any:
        context = app.test_request_context()
        context.push()
        set_viewer(Viewer("Somebody", "office", locale=locale, timezone="Europe/Berlin"))
        return context

    return open_request


def some_filters(chance: random.Random) -> Filters:
    def amounts() -> Range:
        ends = sorted(Decimal(one) for one in chance.sample(AMOUNTS[1:], 2))
        low, high = (one if chance.random() < 0.7 else None for one in ends)
        return Range(low, high)

    def period() -> dict[str, str]:
        name = chance.choice(NAMES)
        first = date(2020, 1, 1) + timedelta(days=chance.randrange(3000))
        ends = {"p_from": f"{first}", "p_to": f"{first + timedelta(days=chance.randrange(90))}"}
        return {"p": name, **{k: v for k, v in ends.items() if chance.random() < 0.7}}

    def periods(key: str) -> dict[str, str]:
        return {key + name[1:]: value for name, value in period().items()}

    read = parse_filters({**periods("invoiced"), **periods("created")})
    is_never = chance.random() < 0.2
    ids = tuple(chance.sample(range(1, 10**12), chance.randrange(4)))
    choice = chance.choice
    return Filters(
        q=choice(TEXTS),
        ids=ids,
        name=choice(TEXTS),
        status=choice(["active", "stop", "deleted", "any"]),
        resellers=ids[:1],
        tags=tuple(chance.sample(["vip", "Fraud watch", "ß", "a/b", "50%"], chance.randrange(4))),
        tag_match=choice(["any", "all"]),
        currencies=tuple(chance.sample(["USD", "EUR", "JPY"], chance.randrange(3))),
        terms=(0, *ids) if chance.random() < 0.3 else ids,
        taxes=ids[1:],
        templates=(0,) if chance.random() < 0.3 else ids[:2],
        available=amounts(),
        live=amounts(),
        fixed=amounts(),
        credit=amounts(),
        postpaid=choice(["", "yes", "no"]),
        role=choice(["", "orig", "term", "both"]),
        autoinvoicing=choice(["", "yes", "no"]),
        auto_payment=choice(["", "yes", "no"]),
        is_never_invoiced=is_never,
        invoiced=read.invoiced if not is_never else Filters().invoiced,
        created=read.created,
        main_email=choice(TEXTS),
        billing_email=choice(TEXTS),
        rates_email=choice(TEXTS),
        company=choice(TEXTS),
        sort=choice(["name", "-name", "id", "-available"]),
    )


@pytest.mark.parametrize("locale", ["en", "de", "fr", "de_CH", "ar"])
def test_whatever_is_asked_comes_back_from_its_address(
    in_language: Callable[[str], Any], locale: str
) -> None:
    context = in_language(locale)
    chance = random.Random(f"filters {locale}")
    try:
        for _ in range(300):
            asked = some_filters(chance)
            again = parse_filters(asked.to_args())
            assert again == asked
            assert again.to_args() == asked.to_args()
    finally:
        context.pop()


def test_an_address_sent_to_a_reader_of_another_language_means_the_same(
    in_language: Callable[[str], Any],
) -> None:
    german = in_language("de")
    asked = parse_filters({"live_from": "1.234,5", "live_to": "1.234.567,125"})
    german.pop()
    english = in_language("en")
    try:
        assert asked.live == Range(Decimal("1234.5"), Decimal("1234567.125"))
        assert parse_filters(asked.to_args()).live == asked.live
    finally:
        english.pop()


@pytest.mark.parametrize(
    "given",
    [
        {"id": "abc"},
        {"id": "-5"},
        {"id": str(2**63)},
        {"id": ",".join(map(str, range(1, 200)))},
        {"name": "a\0b"},
        {"q": "x" * 101},
        {"status": "asleep"},
        {"reseller": "²"},
        {"tag": "x" * 61},
        {"currency": "XXZ"},
        {"terms": "none of them"},
        {"available_from": "abc"},
        {"available_from": "9" * 30},
        {"live_from": "5", "live_to": "3"},
        {"credit_to": "NaN"},
        {"postpaid": "perhaps"},
        {"role": "boss"},
        {"created": "soon"},
        {"created": "custom", "created_from": "2026-02-30"},
        {"created": "custom", "created_from": "0001-01-01"},
        {"invoiced": "custom", "invoiced_from": "2026-03-01", "invoiced_to": "2026-02-01"},
    ],
)
def test_what_cannot_be_read_has_a_message_at_its_field_and_finds_nobody(
    in_language: Callable[[str], Any], acme: Tenant, acme_client: Client, given: dict[str, str]
) -> None:
    context = in_language("en")
    try:
        filters = parse_filters(MultiDict(given))
        assert len(filters.errors) == 1
        assert next(iter(filters.errors)) in given
        assert found(acme, filters) == []
    finally:
        context.pop()


def found(tenant: Tenant, filters: Filters) -> list[str]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        query = narrow(select(ClientRow.name), filters).order_by(ClientRow.name_key)
        return list(session.scalars(query))


# what is asked, and the first letters of the clients that match
ASKED: list[tuple[dict[str, Any], str]] = [
    ({}, "ÄBC"),
    ({"q": "al"}, "Ä"),
    ({"q": "tel"}, ""),
    ({"q": "*tel"}, "Ä"),
    ({"name": "ALPHA  tel"}, "Ä"),
    ({"name": "*7"}, "C"),
    ({"tag": "vip"}, "ÄB"),
    ({"tag": "vip, retail", "tags": "all"}, "Ä"),
    ({"tag": ["vip", "retail"]}, "ÄB"),
    ({"currency": "eur"}, "Ä"),
    ({"currency": "eur,usd"}, "ÄBC"),
    ({"available_from": "0"}, "ÄBC"),
    ({"available_from": "14.5", "available_to": "14.5"}, "Ä"),
    ({"available_from": "14.500001"}, "B"),
    ({"available_to": "14.499999"}, "C"),
    ({"available_from": "15"}, "B"),
    ({"live_to": "-10.5"}, "Ä"),
    ({"live_to": "-10.500001"}, ""),
    ({"fixed_from": "4"}, "Ä"),
    ({"credit_from": "0"}, "ÄC"),
    ({"credit_from": "1"}, "Ä"),
    ({"postpaid": "yes"}, "B"),
    ({"postpaid": "no"}, "ÄC"),
    ({"role": "orig"}, "ÄC"),
    ({"role": "both"}, "B"),
    ({"role": "term"}, ""),
    ({"autoinvoicing": "yes"}, "Ä"),
    ({"autoinvoicing": "no"}, "BC"),
    ({"auto_payment": "yes"}, "Ä"),
    ({"auto_payment": "no"}, "BC"),
    ({"invoiced": "never"}, "BC"),
    ({"invoiced": "custom", "invoiced_to": "2026-03-31"}, "Ä"),
    ({"invoiced": "custom", "invoiced_from": "2026-04-01"}, ""),
    ({"created": "today"}, "ÄBC"),
    ({"created": "last_year"}, ""),
    ({"main_email": "*"}, "Ä"),
    ({"main_email": "main@"}, "Ä"),
    ({"main_email": "alpha"}, ""),
    ({"main_email": "*alpha.ex"}, "Ä"),
    ({"billing_email": "bills@"}, "ÄB"),
    ({"rates_email": "*"}, "Ä"),
    ({"company": "alpha g"}, "Ä"),
    ({"company": "*gmbh"}, "Ä"),
    ({"terms": "none"}, "BC"),
    ({"template": "none"}, "ÄBC"),
    ({"template": "5"}, ""),
    ({"status": "stop"}, ""),
    ({"status": "any"}, "ÄBC"),
]


class TestNarrowing:
    """Alpha and Bravo differ in everything that can be asked; Charlie is bare."""

    @pytest.fixture(autouse=True)
    def people(self, acme: Tenant, in_language: Callable[[str], Any]) -> Any:
        context = in_language("en")
        with tenant_scope(acme.scope), unit_of_work() as session:
            terms = payment_terms.create_terms(
                session, reseller_id=acme.id, name="Monthly", day_of_month=1
            )
            self.terms_id = terms.id
        self.alpha = make_client(
            acme,
            "Älpha Tel",
            currency="EUR",
            company=Company(
                company_name="Alpha GmbH",
                main_email="Main@alpha.example",
                billing_email="bills@alpha.example",
                rates_email="rates@alpha.example",
            ),
            billing=Billing(
                credit=Decimal(25),
                payment_terms_id=self.terms_id,
                autoinvoicing=True,
                last_invoiced_on=date(2026, 3, 31),
            ),
            auto=AutoPayment(enabled=True, extra_amount=Decimal(5)),
        )
        self.bravo = make_client(acme, "Bravo", billing=Billing(postpaid=True))
        self.charlie = make_client(acme, "Charlie 7", company=Company())
        with tenant_scope(acme.scope), unit_of_work() as session:
            client_blocks.save_tags(session, get_client(session, self.alpha.id), ["VIP", "Retail"])
            client_blocks.save_tags(session, get_client(session, self.bravo.id), ["vip"])
            session.execute(
                update(ClientRow).where(ClientRow.id == self.bravo.id).values(is_terminator=True)
            )
        desk.pay(acme, self.alpha, "4")
        desk.charge(acme, self.alpha, "14.5")
        yield
        context.pop()

    def test_each_filter_finds_whom_it_means(self, acme: Tenant) -> None:
        wrong = []
        for asked, letters in ASKED:
            filters = parse_filters(MultiDict(asked))
            names = "".join(name[0] for name in found(acme, filters))
            if names != letters or filters.errors:
                wrong.append((asked, names, letters, filters.errors))
        assert wrong == []

    def test_ids_terms_and_resellers_are_named_by_their_ids(
        self, acme: Tenant, globex: Tenant
    ) -> None:
        for asked, letters in (
            ({"id": f"{self.alpha.id}, #{self.charlie.id}"}, "ÄC"),
            ({"q": f"{self.bravo.id}"}, "B"),
            ({"q": f"#{self.bravo.id}"}, "B"),
            ({"terms": f"{self.terms_id} – Monthly"}, "Ä"),
            ({"terms": f"none,{self.terms_id}"}, "ÄBC"),
            ({"reseller": f"{acme.id} – Acme"}, "ÄBC"),
            ({"reseller": f"{globex.id}"}, ""),
        ):
            names = found(acme, parse_filters(asked))
            assert "".join(name[0] for name in names) == letters, asked

    def test_clients_of_a_branch_are_found_from_above_only(self, acme: Tenant) -> None:
        west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
        make_client(west, "Delta")
        assert found(west, Filters()) == ["Delta"]
        assert found(west, parse_filters({"reseller": f"{acme.id}"})) == []


def test_every_column_has_a_key_of_its_own_and_can_be_read(
    app: Flask, acme: Tenant, acme_client: Client
) -> None:
    columns = list_columns()
    assert len({column.key for column in columns}) == len(columns)
    with tenant_scope(acme.scope), unit_of_work() as session:
        row = session.execute(narrow(select_clients(columns), Filters())).one()
    values = {column.key: column.read(row) for column in columns}
    assert values["name"] == "Orbit Calls"
    assert values["available"] == Decimal(0)
    assert values["created"] <= now()
    for column in columns:
        with tenant_scope(acme.scope), unit_of_work() as session:
            alone = session.execute(narrow(select_clients([column]), Filters())).one()
        assert column.read(alone) == values[column.key]
