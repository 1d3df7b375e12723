"""Invoices: what goes on them, their numbers and totals, their file and mail."""

import io
from datetime import date
from decimal import Decimal

import pypdf
import pytest
from PIL import Image
from sqlalchemy import select

from billing import invoice_mailing, invoices, ledger_check, numbers, payment_terms, tax_profiles
from billing.invoice_contents import list_lines, list_taxes
from billing.invoice_models import Invoice, NumberSeries
from billing.models import Transaction
from billing.periods import period_for_dates
from core import jobs
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.zones import get_zone
from mail.models import MailAttachment, MailMessage
from tenants import logos
from tenants.client_blocks import Company, save_company
from tenants.clients import get_client
from tenants.files import get_file
from tenants.models import Event, File
from tests.billing.books import Books, at_once, utc

D = Decimal
ZONE = get_zone("America/New_York")
JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), ZONE)
FEBRUARY = period_for_dates(date(2026, 2, 1), date(2026, 2, 28), ZONE)


def charge(books: Books, amount: str, day: str, **details):
    details.setdefault("tax_mode", "none")
    return books.charge(amount, dated_at=utc(f"2026-{day}T12:00:00"), **details)


def file_text(books: Books, invoice: Invoice) -> str:
    with books.work() as session:
        content = get_file(session, invoices.store_file(session, invoice.id).id).content
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    text = "\n".join(page.extract_text() for page in pages)
    return text.replace("\u200b", "").replace("\u00a0", " ")


def test_an_invoice_takes_the_charges_of_its_period(acme: Books):
    inside = charge(acme, "10", "01-31", description="Inside")
    after = charge(acme, "5", "02-01", description="After")
    made = acme.invoice(JANUARY)
    assert made.total == D(10)
    assert acme.transaction(inside).invoice_id == made.id
    assert acme.transaction(after).invoice_id is None


def test_the_end_of_the_period_is_midnight_in_the_clients_zone(acme: Books):
    before = acme.charge("1", tax_mode="none", dated_at=utc("2026-02-01T04:59:59"))
    midnight = acme.charge("2", tax_mode="none", dated_at=utc("2026-02-01T05:00:00"))
    made = acme.invoice(JANUARY)
    assert acme.transaction(before).invoice_id == made.id
    assert acme.transaction(midnight).invoice_id is None


def test_a_late_charge_goes_on_the_next_invoice_with_its_date(acme: Books):
    charge(acme, "10", "01-05")
    acme.invoice(JANUARY)
    late = charge(acme, "4", "01-20", description="Setup")
    charge(acme, "1", "02-03", description="Monthly")
    second = acme.invoice(FEBRUARY)
    assert acme.transaction(late).invoice_id == second.id
    with acme.work() as session:
        texts = [line.description for line in list_lines(session, second.id)]
    assert texts == ["Setup (2026-01-20)", "Monthly"]


def test_fixed_moves_only_when_the_invoice_is_issued(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY, autoinvoice=False)
    assert (made.state, acme.balances()[:2]) == ("to_verify", (D(-10), D(0)))
    with acme.work() as session:
        issued = invoices.issue(session, made.id)
        assert (issued.state, issued.balance_before, issued.balance_after) == (
            "to_send", D(0), D(-10)
        )  # fmt: skip
        invoices.issue(session, made.id)
    assert acme.balances()[:2] == (D(-10), D(-10))


def test_a_draft_issued_at_the_same_moment_is_posted_once(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY, autoinvoice=False)

    def issue():
        with acme.work() as session:
            return invoices.issue(session, made.id).state

    assert at_once(issue, issue, issue) == ["to_send"] * 3
    assert acme.balances()[1] == D(-10)


def test_totals_are_rounded_once_and_the_rounding_is_visible(acme: Books):
    with acme.work() as session:
        profile = tax_profiles.create_profile(
            session, reseller_id=acme.tenant.id, name="VAT", taxes=[("VAT", D("7.7"), 1)]
        )
        profile_id = profile.id
    acme.save_billing(tax_profile_id=profile_id)
    for _ in range(30):
        charge(acme, "0.004", "01-05", tax_mode="excluding")
    made = acme.invoice(JANUARY)
    assert (made.net, made.tax, made.total) == (D("0.12"), D("0.00924"), D("0.13"))
    assert made.net + made.tax + made.rounding == made.total
    with acme.work() as session:
        lines = list_lines(session, made.id)
        taxes = list_taxes(session, made.id)
    assert sum(line.net for line in lines) == made.net
    assert sum(line.tax for line in lines) == made.tax == sum(tax.amount for tax in taxes)
    assert [(tax.name, tax.base) for tax in taxes] == [("VAT", D("0.12"))]


def test_nothing_to_bill_makes_no_invoice_and_takes_no_number(acme: Books):
    assert acme.invoice(JANUARY) is None
    charge(acme, "0.004", "01-05")
    assert acme.invoice(JANUARY) is None
    charge(acme, "0.004", "02-05")
    made = acme.invoice(FEBRUARY)
    assert (made.total, made.running_number) == (D("0.01"), 1)


def test_a_reversed_charge_cancels_out_on_the_invoice(acme: Books):
    wrong = charge(acme, "10", "01-05", description="Wrong")
    charge(acme, "3", "01-06", description="Right")
    acme.reverse(wrong)
    made = acme.invoice(JANUARY)
    assert made.total == D(3)
    with acme.work() as session:
        lines = [(line.description.split(" (")[0], line.net)
                 for line in list_lines(session, made.id)]  # fmt: skip
    assert lines == [("Wrong", D(10)), ("Reversal: Wrong", D(-10)), ("Right", D(3))]


def test_a_credit_waits_for_charges_that_it_can_lower(acme: Books):
    wrong = charge(acme, "10", "01-05")
    acme.invoice(JANUARY)
    acme.reverse(wrong)
    charge(acme, "4", "02-05")
    assert acme.invoice(FEBRUARY) is None
    march = period_for_dates(date(2026, 3, 1), date(2026, 3, 31), ZONE)
    charge(acme, "9", "03-05")
    assert acme.invoice(march).total == D(3)
    assert acme.balances()[:2] == (D(-13), D(-13))


def test_numbers_have_no_gaps_when_many_are_made_at_once(acme: Books):
    books = [acme] + [acme.with_client(f"Client {n}") for n in range(7)]
    for one in books:
        charge(one, "10", "01-05")
    empty = acme.with_client("Nothing to bill")

    def fail():
        with acme.work() as session:
            numbers.take_number(
                session, reseller_id=acme.tenant.id, client_id=acme.client.id,
                invoice_on=date(2026, 2, 1), direction="outgoing",
            )  # fmt: skip
            raise ConflictError("taken and given back")

    results = at_once(
        *[lambda one=one: one.invoice(JANUARY) for one in [*books, empty]], fail, fail
    )
    made = [result for result in results if isinstance(result, Invoice)]
    assert sorted(one.running_number for one in made) == list(range(1, 9))
    assert {one.number for one in made} == {f"INV-2026-{n}" for n in range(1, 9)}
    with acme.work() as session:
        assert session.scalar(select(NumberSeries.next_number)) == 9


def test_the_same_period_invoiced_at_the_same_moment_makes_one_invoice(acme: Books):
    charge(acme, "10", "01-05")
    results = at_once(*[lambda: acme.invoice(JANUARY)] * 5)
    assert sum(isinstance(result, Invoice) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 4
    assert len(acme.stored_invoices()) == 1


def test_every_charge_is_on_exactly_one_invoice_or_unbilled(acme: Books):
    """Charges keep coming while months are invoiced; none is lost, none is billed twice."""
    months = [
        period_for_dates(date(2026, month, 1), date(2026, month, 28), ZONE) for month in range(1, 7)
    ]

    def come():
        for day in range(1, 13):
            charge(acme, "1.5", f"{day % 6 + 1:02}-{day + 5:02}")

    def bill():
        for month in months:
            acme.invoice(month)

    assert at_once(come, come, bill) == [None] * 3
    with acme.work() as session:
        rows = session.execute(
            select(Transaction.invoice_id, Transaction.total).where(
                Transaction.client_id == acme.client.id
            )
        ).all()
        assert len(rows) == 24
        assert ledger_check.check_ledger(session, acme.tenant.id).findings == {}
    on_invoices = sum((row.total for row in rows if row.invoice_id), D(0))
    assert on_invoices == sum((one.total for one in acme.stored_invoices()), D(0))


def test_a_period_that_touches_another_invoices_days_is_refused(acme: Books):
    charge(acme, "10", "01-05")
    acme.invoice(JANUARY)
    charge(acme, "10", "01-06")
    with pytest.raises(ConflictError, match="INV-2026-1"):
        acme.invoice(period_for_dates(date(2026, 1, 31), date(2026, 2, 5), ZONE))


def test_the_same_form_makes_one_invoice(acme: Books):
    charge(acme, "10", "01-05")
    form_id = new_id()
    first = acme.invoice(JANUARY, invoice_id=form_id, autoinvoice=False)
    assert acme.invoice(JANUARY, invoice_id=form_id, autoinvoice=False).number == first.number
    with pytest.raises(ConflictError):
        acme.invoice(FEBRUARY, invoice_id=form_id, autoinvoice=False)


def test_another_tenant_does_not_find_the_invoice(acme: Books, globex: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY)
    with globex.work() as session:
        for look in (invoices.get_invoice, invoices.store_file, invoices.issue):
            with pytest.raises(NotFoundError):
                look(session, made.id)


def test_an_invoice_made_by_hand_moves_last_invoiced_on(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY, autoinvoice=False, invoice_on=date(2026, 2, 3))
    row = acme.billing_row()
    assert (row.last_invoiced_on, row.billed_until) == (date(2026, 1, 31), JANUARY.ends_at)
    assert (made.invoiced_at, made.invoice_on) == (utc("2026-02-03T05:00:00"), date(2026, 2, 3))
    with pytest.raises(InvalidInputError) as refused:
        acme.save_billing(last_invoiced_on=date(2026, 1, 15))
    assert refused.value.field == "last_invoiced_on"


def test_the_due_date_is_the_invoice_date_and_the_grace_days(acme: Books):
    with acme.work() as session:
        terms_id = payment_terms.create_terms(
            session, reseller_id=acme.tenant.id, name="Net 14", day_of_month=1, grace_days=14
        ).id
    acme.save_billing(payment_terms_id=terms_id)
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY)
    assert (made.invoice_on, made.due_on) == (date(2026, 2, 1), date(2026, 2, 15))


def test_the_file_says_what_the_database_says(acme: Books):
    acme.pay("5.00")
    charge(acme, "1234.5", "01-05", description="Minutes to Čeština", quantity=D("100"))
    made = acme.invoice(JANUARY)
    text = file_text(acme, made)
    for wanted in (
        "INV-2026-1", "Minutes to Čeština", "12.345", "$1,234.50", "$1,229.50",
        "Jan 1", "February 1, 2026", "America/New_York", "Acme Telecom",
        f"{acme.client.name} Ltd",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_the_file_is_made_once_and_keeps_its_bytes(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY)

    def store():
        with acme.work() as session:
            return invoices.store_file(session, made.id).sha256

    assert len(set(at_once(store, store, store, store))) == 1
    acme.pay("10.00")
    store()
    with acme.work() as session:
        assert len(session.scalars(select(File)).all()) == 1


def test_the_invoice_keeps_the_parties_of_its_day(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY)
    with acme.work() as session:
        client = get_client(session, acme.client.id)
        save_company(session, client, Company(company_name="Renamed Inc"))
    text = file_text(acme, made)
    assert f"{acme.client.name} Ltd" in text
    assert "Renamed" not in text


def test_a_draft_has_no_file_to_show(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY, autoinvoice=False)
    with acme.work() as session, pytest.raises(ConflictError):
        invoices.store_file(session, made.id)


def test_the_mail_carries_the_file_and_is_queued_once(acme: Books):
    charge(acme, "10", "01-05")
    made = acme.invoice(JANUARY)

    def finish():
        with acme.work() as session:
            invoices.store_file(session, made.id)
        with acme.work() as session:
            invoice_mailing.mail_invoice(session, made.id)

    at_once(finish, finish, finish)
    with acme.work() as session:
        mail = session.scalars(select(MailMessage)).one()
        attached = session.scalars(select(MailAttachment)).one()
        stored = invoices.get_invoice(session, made.id)
    assert (mail.to_address, mail.kind) == ("bills@client.example", "invoice")
    assert mail.subject == "Invoice INV-2026-1 from Acme Telecom"
    assert "To be paid: 10.00 USD by February 1, 2026" in mail.body_text
    assert attached.file_id == stored.file_id
    assert stored.state == "normal"


def test_without_an_address_an_event_says_so_and_the_invoice_waits(acme: Books):
    silent = acme.with_client("Silent", company=Company(company_name="Silent Ltd"))
    charge(silent, "10", "01-05")
    made = silent.invoice(JANUARY)
    for _ in range(2):
        with acme.work() as session:
            invoices.store_file(session, made.id)
            assert invoice_mailing.mail_invoice(session, made.id) is None
    with acme.work() as session:
        event = session.scalars(select(Event).where(Event.client_id == silent.client.id)).one()
        assert event.code == "invoice_not_mailed"
        assert invoices.get_invoice(session, made.id).state == "to_send"


def test_an_issued_invoice_asks_for_its_file_and_mail_after_commit(acme: Books):
    sent = []
    jobs.configure(sent.append)
    try:
        charge(acme, "10", "01-05")
        made = acme.invoice(JANUARY)
    finally:
        jobs._senders.clear()
    finishing = [job for job in sent if job.name == "billing.finish_invoice"]
    assert [job.args for job in finishing] == [{"invoice_id": str(made.id)}]


@pytest.mark.parametrize(
    ("template", "number"),
    [("%N", "7"), ("%Y/%m/%d-%N", "2026/02/01-7"), ("%X-%N", "1001-7"), ("100%%-%N", "100%-7")],
)
def test_a_number_is_written_by_the_resellers_template(template: str, number: str):
    assert numbers.check_template(template) == template
    assert numbers.format_number(template, 7, 1001, date(2026, 2, 1)) == number


@pytest.mark.parametrize(
    "template", ["", "INV", "%N%N", "%X%N", "%N%Y1%X", "%q-%N", "%N%", "%N" + "x" * 190, "%N\n1"]
)
def test_a_template_that_cannot_number_is_refused(template: str):
    with pytest.raises(InvalidInputError):
        numbers.check_template(template)


def test_a_new_template_goes_on_counting(acme: Books):
    charge(acme, "1", "01-05")
    acme.invoice(JANUARY)
    with acme.work() as session:
        numbers.save_template(session, reseller_id=acme.tenant.id, template="A%Y-%N")
    charge(acme, "1", "02-05")
    assert acme.invoice(FEBRUARY).number == "A2026-2"


def test_a_template_that_would_give_a_number_again_is_refused(acme: Books):
    with acme.work() as session:
        numbers.save_template(session, reseller_id=acme.tenant.id, template="%d%N")
    charge(acme, "1", "01-05")
    taken = acme.invoice(JANUARY, invoice_on=date(2026, 2, 12)).number
    assert taken == "121"
    with acme.work() as session, pytest.raises(InvalidInputError) as refused:
        numbers.save_template(session, reseller_id=acme.tenant.id, template="%N")
    assert taken in refused.value.message
    with acme.work() as session:
        numbers.save_template(session, reseller_id=acme.tenant.id, template="A%N")
    charge(acme, "1", "02-05")
    assert acme.invoice(FEBRUARY).number == "A2"


def test_an_invoice_carries_the_logo_of_its_day(acme: Books):
    def use_logo(colour: str) -> None:
        out = io.BytesIO()
        Image.new("RGB", (300, 80), colour).save(out, "PNG")
        with acme.work() as session:
            logos.save_logo(session, acme.tenant.id, logos.draw_logo(out.getvalue()))

    def images(invoice: Invoice) -> int:
        with acme.work() as session:
            content = get_file(session, invoices.store_file(session, invoice.id).id).content
        return sum(len(page.images) for page in pypdf.PdfReader(io.BytesIO(content)).pages)

    charge(acme, "10", "01-31")
    plain = acme.invoice(JANUARY)
    use_logo("#7a1fa2")
    charge(acme, "10", "02-20")
    branded = acme.invoice(FEBRUARY)
    with acme.work() as session:
        logos.remove_logo(session, acme.tenant.id)
    assert (images(plain), images(branded)) == (0, 1)
