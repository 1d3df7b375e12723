"""The client's credit notes and its statement of account, on screen and as PDF."""

import io
from decimal import Decimal

import pypdf

from billing import credit_note_files, credit_notes, incoming_invoices
from billing.incoming_invoices import Incoming, Upload
from core.clock import now
from core.ids import new_id
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel import story
from tests.portal.panel.pages import words

URL = "/clients/invoices"


def credited(till: Till) -> tuple[object, object]:
    story.charge(till, "100", days_ago=12)
    invoice_id = story.invoice(till)
    with till.work() as session:
        note = credit_notes.create_credit_note(
            session,
            credit_note_id=new_id(),
            invoice_id=invoice_id,
            amount=None,
            reason="A faulty route",
        )
    return invoice_id, note


def text_of(content: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return "\n".join(page.extract_text() for page in pages)


def test_credit_notes_are_listed_and_their_file_is_the_stored_one(me: Browser, till: Till) -> None:
    empty = me.get(f"{URL}/credit-notes")
    assert "No credit notes" in words(empty)
    # the tabs that led here lead back
    assert f'href="{URL}?paid=open"' in empty.get_data(as_text=True)
    invoice_id, note = credited(till)
    assert "The PDF is being made." in words(me.get(f"{URL}/credit-notes"))
    assert me.get(f"{URL}/credit-notes/{note.id}/file").status_code == 303
    with till.work() as session:
        content = credit_note_files.store_file(session, note.id).content
    assert note.number in words(me.get(f"{URL}/{invoice_id}"))
    assert "A faulty route" in words(me.get(f"{URL}/credit-notes"))
    answer = me.get(f"{URL}/credit-notes/{note.id}/file")
    assert answer.data == content
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert me.get(f"{URL}/credit-notes/{new_id()}/file").status_code == 404


def test_the_statement_is_read_and_saved_also_before_any_invoice(me: Browser, till: Till) -> None:
    story.pay(till, "20", "Bank transfer")
    early = me.get(f"{URL}/statement?format=pdf")
    assert early.mimetype == "application/pdf"
    assert "Bank transfer" in text_of(early.data)
    _invoice, note = credited(till)
    text = text_of(me.get(f"{URL}/statement?format=pdf").data)
    assert note.number in text
    for wrong in ("from=2026-02-01&to=2026-01-01", "from=nonsense"):
        answer = me.get(f"{URL}/statement?format=pdf&{wrong}")
        assert answer.status_code == 303
        assert me.get(answer.location).status_code == 422


def test_what_the_client_sent_us_is_no_invoice_of_ours(me: Browser, till: Till) -> None:
    with till.work() as session:
        day = now().date()
        made = incoming_invoices.create_incoming(
            session,
            invoice_id=new_id(),
            client_id=till.client.id,
            incoming=Incoming("R-1", day, day, day, day, total=Decimal(5)),
            upload=Upload(new_id(), "R-1.txt", b"came"),
            accept=True,
        )
    assert "R-1" not in words(me.get(URL))
    assert me.get(f"{URL}/{made.id}").status_code == 404
    assert me.get(f"{URL}/{made.id}/file").status_code == 404
    assert "Your invoices to" in words(me.get("/clients/statement"))
