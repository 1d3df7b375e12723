"""Statement of account and receipts: what they say is what the books say, and nobody else's."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest

from billing import payment_returns, receipts
from core.clock import now
from core.errors import ConflictError, NotFoundError
from core.ids import new_id
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel import story
from tests.portal.panel.pages import words

STATEMENT = "/clients/statement"


def test_the_statement_adds_up_and_names_what_is_owed(me: Browser, till: Till) -> None:
    story.charge(till, "80", "Calls", days_ago=20)
    story.invoice(till)
    story.pay(till, "50", "Bank transfer", days_ago=1)
    first = (now() - timedelta(days=60)).date()

    text = words(me.get(f"{STATEMENT}?from={first}&to={now().date()}"))

    assert "You owed on" in text
    assert "30.00 USD Balance before" in text
    assert "Invoiced -80.00 USD Paid 50.00 USD" in text
    assert "Bank transfer" in text
    assert "Pay what is open" in text


def test_the_spreadsheet_has_the_same_entries(me: Browser, till: Till) -> None:
    story.pay(till, "50", "Bank transfer", days_ago=1)
    first = (now() - timedelta(days=60)).date()

    answer = me.get(f"{STATEMENT}?from={first}&to={now().date()}&format=csv")

    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0][-1] == "Balance (USD)"
    assert [row[1:4] for row in rows[1:]] == [
        ["Opening balance", "", ""],
        ["Payment", "Bank transfer", "50.000000"],
        ["Closing balance", "", ""],
    ]
    xlsx = me.get(f"{STATEMENT}?format=xlsx")
    assert xlsx.data[:2] == b"PK"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=soon", "Enter days such as"),
        ("from=2026-02-30", "Enter days such as"),
        ("from=2026-11-02&to=2026-11-01", "The last day is before the first day."),
        ("from=0001-01-01", "Choose days of this century"),
        ("to=9999-12-31", "Choose days of this century"),
    ],
)
def test_wrong_days_are_told_on_the_page(me: Browser, query: str, message: str) -> None:
    answer = me.get(f"{STATEMENT}?{query}")

    assert answer.status_code == 422
    assert message in words(answer)


def test_a_new_client_has_an_empty_statement(me: Browser) -> None:
    text = words(me.get(STATEMENT))

    assert "Nothing was invoiced or paid in this period." in text
    assert "0.00 USD" in text


def test_a_receipt_says_who_paid_whom_and_for_what(me: Browser, till: Till) -> None:
    story.charge(till, "80", "Calls", days_ago=20)
    story.invoice(till)
    paid = story.pay(till, "100", "Bank transfer")

    with till.work() as session:
        receipt = receipts.get_receipt(session, paid)
    text = words(me.get(f"/clients/transactions/{paid}/receipt"))

    assert [line.amount for line in receipt.lines] == [Decimal(80), Decimal(20)]
    assert f"Invoice {receipt.lines[0].number} 80.00" in text
    assert "Your balance 20.00" in text
    assert "Total 100.00 USD" in text
    assert str(paid) in text
    assert receipt.buyer in text


def test_the_receipt_is_a_pdf_and_the_same_each_time(me: Browser, till: Till) -> None:
    paid = story.pay(till, "100", "Bank transfer")

    answers = [me.get(f"/clients/transactions/{paid}/receipt/pdf") for _ in range(2)]

    assert answers[0].mimetype == "application/pdf"
    assert answers[0].data.startswith(b"%PDF-")
    assert answers[0].data == answers[1].data
    assert "attachment; filename=receipt-" in answers[0].headers["Content-Disposition"]


def test_only_a_payment_that_counts_has_a_receipt(me: Browser, till: Till) -> None:
    charge = story.charge(till, "80", "Calls")
    paid = story.pay(till, "100", "Bank transfer")
    reversal = story.reverse(till, paid)

    statuses = [
        me.get(f"/clients/transactions/{one}/receipt").status_code
        for one in (charge, paid, reversal, new_id())
    ]

    assert statuses == [404, 409, 409, 404]
    assert "/receipt" not in me.get(f"/clients/transactions/{paid}").text
    with till.work() as session, pytest.raises(ConflictError):
        receipts.get_receipt(session, paid)
    with till.work() as session, pytest.raises(NotFoundError):
        receipts.get_receipt(session, charge)


def test_nobody_reads_the_receipt_of_another(stranger: Browser, till: Till) -> None:
    paid = story.pay(till, "100", "Bank transfer")

    for path in ("receipt", "receipt/pdf"):
        assert stranger.get(f"/clients/transactions/{paid}/{path}").status_code == 404


def test_a_receipt_says_what_was_paid_back_and_a_refund_has_none(me: Browser, till: Till) -> None:
    paid, refund = story.pay(till, "100", "Bank transfer"), new_id()
    with till.work() as session:
        payment_returns.record_refund(
            session, refund_id=refund, payment_id=paid, amount=Decimal(30), reason="Too much"
        )

    text = words(me.get(f"/clients/transactions/{paid}/receipt"))

    assert "Your balance 70.00 Paid back to you 30.00 Total 100.00 USD" in text
    assert me.get(f"/clients/transactions/{paid}/receipt/pdf").data.startswith(b"%PDF-")
    assert me.get(f"/clients/transactions/{refund}/receipt").status_code == 404
    assert "Refund" in words(me.get(STATEMENT))


def test_the_statement_is_a_pdf_too_and_wrong_days_are_told_on_its_screen(
    me: Browser, till: Till
) -> None:
    story.pay(till, "50", "Bank transfer", days_ago=1)
    page = me.get(STATEMENT).text
    link = re.search(r'href="(/clients/invoices/statement\?[^"]*)"', page)
    assert link

    answer = me.get(unescape(link[1]))
    wrong = me.get("/clients/invoices/statement?format=pdf&from=2026-11-02&to=2026-11-01")

    assert answer.data.startswith(b"%PDF-")
    assert wrong.status_code == 303
    assert "before the first day" in words(me.get(wrong.location))
