"""Invoices: the list, one of them, its PDF, and the way to pay it."""

from billing import invoices
from core.ids import new_id
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel import story
from tests.portal.panel.pages import words

URL = "/clients/invoices"


def test_without_any_it_says_so(me: Browser) -> None:
    assert "No invoices yet" in words(me.get(URL))
    assert "No open invoice" in words(me.get(f"{URL}?paid=open"))


def test_open_and_paid_ones_are_told_apart(me: Browser, till: Till) -> None:
    story.charge(till, "30", days_ago=40)
    first = story.invoice(till, days_ago=35, length=20)
    story.pay(till, "40")
    story.charge(till, "50", days_ago=12)
    second = story.invoice(till, days_ago=10, length=20)

    page = me.get(URL)
    assert f"/clients/refill?invoice={second}" in page.text
    assert f"/clients/refill?invoice={first}" not in page.text
    assert "Total 50.00 USD Paid 10.00 USD Open 40.00 USD" in words(page)
    assert str(first) not in me.get(f"{URL}?paid=open").text
    assert str(second) not in me.get(f"{URL}?paid=paid").text


def test_one_shows_lines_taxes_total_and_payments(me: Browser, till: Till) -> None:
    story.add_tax(till)
    story.charge(till, "100", "Number block", days_ago=12)
    invoice_id = story.invoice(till)
    payment_id = story.pay(till, "20", "Bank transfer")

    page = me.get(f"{URL}/{invoice_id}")
    text = words(page)

    assert "Number block" in text
    assert "Sum without tax 100.00 VAT 19% of 100.00 19.00 Total 119.00 USD" in text
    assert "99.00 USD due on" in text
    assert f"/clients/transactions/{payment_id}" in page.text
    assert f"/clients/refill?invoice={invoice_id}" in page.text


def test_the_pdf_is_the_stored_one_and_downloading_makes_none(me: Browser, till: Till) -> None:
    story.charge(till, "100", days_ago=12)
    invoice_id = story.invoice(till)

    early = me.get(f"{URL}/{invoice_id}/file")
    assert early.status_code == 303
    assert "The PDF is being made." in words(me.get(early.location))
    with till.work() as session:
        assert invoices.get_invoice(session, invoice_id).file_id is None
        content = invoices.store_file(session, invoice_id).content

    answer = me.get(f"{URL}/{invoice_id}/file")

    assert answer.data == content
    assert answer.data.startswith(b"%PDF")
    assert answer.content_type == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")


def test_one_that_waits_to_be_verified_is_not_there_yet(me: Browser, till: Till) -> None:
    from billing.periods import Period, local_midnight
    from core.clock import today
    from core.zones import get_zone

    story.charge(till, "100", days_ago=3)
    zone = get_zone(story.ZONE)
    day = today(zone)
    from datetime import timedelta

    first_on = day - timedelta(days=5)
    period = Period(
        first_on, day - timedelta(days=1), local_midnight(first_on, zone),
        local_midnight(day, zone), day,
    )  # fmt: skip
    with till.work() as session:
        invoice = invoices.create_invoice(
            session, invoice_id=new_id(), client_id=till.client.id, period=period, autoinvoice=False
        )
        assert invoice
        invoice_id = invoice.id

    assert "No invoices yet" in words(me.get(URL))
    assert me.get(f"{URL}/{invoice_id}").status_code == 404
    assert me.get(f"{URL}/{invoice_id}/file").status_code == 404


def test_anothers_does_not_exist(stranger: Browser, till: Till) -> None:
    story.charge(till, "100", days_ago=12)
    invoice_id = story.invoice(till, with_file=True)

    for path in ("", "/file"):
        there = stranger.get(f"{URL}/{invoice_id}{path}")
        missing = stranger.get(f"{URL}/{new_id()}{path}")
        assert there.status_code == missing.status_code == 404
        assert words(there).split("number:")[0] == words(missing).split("number:")[0]
