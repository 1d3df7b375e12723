"""The Currencies screens: precision, exchange rates by date, and rates from a file."""

import html
import io
import re
from datetime import date
from decimal import Decimal

import pytest

from billing.currency_models import ExchangeRate, ResellerCurrency
from tests.factories.cast import Client, Tenant
from tests.portal.browser import Browser
from tests.portal.office import desk

HOME = "/office/currencies/"
RATES = HOME + "rates"
NEW = {"code": "EUR", "rate_places": "8", "detail_places": "4", "total_places": "2"}
RATE = {"from_currency": "EUR", "to_currency": "USD", "day": "2026-03-10", "rate": "1,0845"}


@pytest.fixture
def euros(as_owner: Browser, acme: Tenant) -> None:
    assert as_owner.post(HOME + "new", data=NEW).status_code == 303


def rates(tenant: Tenant) -> dict[tuple[str, str, date], Decimal]:
    return {
        (one.from_currency, one.to_currency, one.day): one.rate
        for one in desk.stored(tenant, ExchangeRate)
    }


def test_a_currency_is_added_once_changed_over_what_was_shown_and_removed(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    for _click in range(2):
        assert as_owner.post(HOME + "new", data=NEW).status_code == 303
    (row,) = desk.stored(acme, ResellerCurrency)
    assert (row.rate_places, row.detail_places, row.total_places) == (8, 4, 2)

    address = f"{HOME}{acme.id}/EUR"
    change = {**NEW, "rate_places": "5", "stamp": desk.hidden(as_owner.get(address), "stamp")}
    assert as_owner.post(address, data=change).status_code == 303
    assert as_owner.post(address, data={**change, "rate_places": "4"}).status_code == 409
    assert desk.stored(acme, ResellerCurrency)[0].rate_places == 5

    wrong = as_owner.post(address, data={**change, "total_places": "3"})
    assert (wrong.status_code, "Enter a number from 0 to 2." in wrong.text) == (422, True)
    assert as_owner.post(f"{HOME}{acme.id}/USD/remove").status_code == 404
    assert as_owner.post(address + "/remove").status_code == 303
    assert desk.stored(acme, ResellerCurrency) == []
    assert as_owner.get(address).status_code == 404


@pytest.mark.usefixtures("euros")
def test_a_rate_is_given_found_for_a_day_corrected_and_deleted(
    as_owner: Browser, acme: Tenant
) -> None:
    for _click in range(2):
        assert as_owner.post(RATES + "/new", data=RATE).status_code == 303
    assert rates(acme) == {("EUR", "USD", date(2026, 3, 10)): Decimal("1.0845")}
    held = as_owner.get(RATES + "?from=USD&to=EUR&on=2026-04-01").text
    assert "1 USD = 0.9220839096 EUR" in held
    none = as_owner.get(RATES + "?from=EUR&to=USD&on=2026-03-09").text
    assert "There is no exchange rate from EUR to USD on 2026-03-09 or before it." in none

    (row,) = desk.stored(acme, ExchangeRate)
    address = f"{RATES}/{row.id}"
    change = {"rate": "1.09", "stamp": desk.hidden(as_owner.get(address), "stamp")}
    assert as_owner.post(address, data=change).status_code == 303
    assert as_owner.post(address, data={**change, "rate": "2"}).status_code == 409
    assert as_owner.post(address + "/delete").status_code == 303
    assert rates(acme) == {}


@pytest.mark.usefixtures("euros")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": "0"}, "A rate is more than zero."),
        ({"rate": ""}, "Enter a rate."),
        ({"to_currency": "EUR"}, "Choose two different currencies."),
        ({"day": "yesterday"}, "Not a valid date value."),
    ],
)
def test_a_wrong_rate_is_told_at_its_field(
    as_owner: Browser, acme: Tenant, changes: dict[str, str], message: str
) -> None:
    answer = as_owner.post(RATES + "/new", data={**RATE, **changes})
    assert (answer.status_code, message in answer.text) == (422, True)
    assert rates(acme) == {}


@pytest.mark.usefixtures("euros")
def test_a_file_is_shown_row_by_row_and_nothing_is_written_while_one_is_wrong(
    as_owner: Browser, acme: Tenant
) -> None:
    as_owner.post(RATES + "/new", data=RATE)
    bad = (
        "Datum;Von;Nach;Kurs\n10.03.2026;EUR;USD;1,0845\n2026-03-11;eur;usd;1.0900\n"
        "2026-03-11;EUR;USD;1.1\n2026-02-30;EUR;USD;1\n2026-03-12;GBP;USD;1.2\n12.3.26;EUR;USD;1.0\n"
    )
    looked = as_owner.post(
        RATES + "/import", data={"action": "check", "file": (io.BytesIO(bad.encode()), "r.csv")}
    )
    assert looked.status_code == 200
    for text in (
        "1 is new", "1 is there already", "4 are wrong", "Row 3 names this day already.",
        "GBP is not one of the currencies.", "Write the day as 2026-03-31 or 31.03.2026.",
    ):  # fmt: skip
        assert text in looked.text, text
    forced = as_owner.post(RATES + "/import", data={"action": "import", "text": bad})
    assert (forced.status_code, len(rates(acme))) == (422, 1)


@pytest.mark.usefixtures("euros")
def test_rows_are_imported_once_and_replace_what_the_day_had(
    as_owner: Browser, acme: Tenant
) -> None:
    as_owner.post(RATES + "/new", data=RATE)
    text = "date,from,to,rate\n2026-03-10,EUR,USD,1.5\n2026-03-11,EUR,USD,1.234\n"
    for _click in range(2):
        sent = as_owner.post(RATES + "/import", data={"action": "import", "text": text})
        assert sent.status_code == 303
    assert rates(acme) == {
        ("EUR", "USD", date(2026, 3, 10)): Decimal("1.5"),
        ("EUR", "USD", date(2026, 3, 11)): Decimal("1.234"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Choose a file or write the rows."),
        ("a,b\n1,2\n", "The first line must name date, from, to and rate."),
        ("date,from,to,rate\n", "The file has no rows below its headings."),
    ],
)
def test_what_is_no_table_of_rates_is_refused(as_owner: Browser, text: str, message: str) -> None:
    answer = as_owner.post(RATES + "/import", data={"action": "check", "text": text})
    assert (answer.status_code, message in answer.text) == (422, True)


@pytest.mark.usefixtures("euros")
def test_rates_are_paged_newest_first(as_owner: Browser, acme: Tenant) -> None:
    days = [date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(60)]
    rows = "".join(f"{day},EUR,USD,1.{n + 100}\n" for n, day in enumerate(days))
    as_owner.post(
        RATES + "/import", data={"action": "import", "text": "date,from,to,rate\n" + rows}
    )
    first = as_owner.get(RATES)
    assert ("1.159" in first.text, "1.109 USD" in first.text) == (True, False)
    (older,) = re.findall(r'id="rates-next"[^>]*href="([^"]+)"', first.text)
    second = as_owner.get(html.unescape(older))
    assert ("1.159" in second.text, "1.109" in second.text) == (False, True)


def test_who_may_only_read_changes_nothing(as_viewer: Browser, acme: Tenant) -> None:
    assert as_viewer.get(HOME).status_code == 200
    assert as_viewer.get(RATES).status_code == 200
    assert as_viewer.get(RATES + "/import").status_code == 403
    assert as_viewer.post(RATES + "/new", data=RATE).status_code == 403
