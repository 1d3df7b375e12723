"""Invoices that came from a client: entered, corrected while to be verified, marked as paid."""

from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import BooleanField, DateField, FieldList, Form, FormField, HiddenField, StringField
from wtforms.validators import InputRequired, Optional

from billing import incoming_invoices, invoices
from billing.incoming_invoices import Incoming, IncomingLine, Upload
from billing.invoice_models import Invoice, InvoiceTax
from billing.invoices import INCOMING
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import current_viewer, office_view
from portal.card_numbers import no_card_number
from portal.fields import AmountField, put_error
from portal.htmx import hx, render, wants_partial
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.form_ids import read_form_id
from portal.office.invoices.blueprint import bp
from portal.office.invoices.choosing import choose_client
from portal.wording import refusal
from tenants.client_files import KINDS, MAX_BYTES
from tenants.permissions import Permission
from tenants.stamps import make_stamp

ROWS = 6
"""Rows of lines that an empty form shows."""


class LineForm(Form):
    """One line of it; a row without an amount is none."""

    description = StringField(_l("Description"), [no_card_number])
    quantity = AmountField(_l("Quantity"))
    net = AmountField(_l("Amount without tax"))


class IncomingForm(Form):
    """The invoice as its sender wrote it; `stamp` is that of what was shown."""

    stamp = HiddenField()
    number = StringField(
        _l("Number on the invoice"),
        [InputRequired(_l("Enter the number that stands on the invoice.")), no_card_number],
    )
    invoice_on = DateField(_l("Invoice date"), [InputRequired(_l("Choose a day."))])
    due_on = DateField(_l("Due"), [Optional()])
    first_on = DateField(_l("First day"), [InputRequired(_l("Choose a day."))])
    last_on = DateField(_l("Last day"), [InputRequired(_l("Choose a day."))])
    total = AmountField(_l("Total with tax"), [InputRequired(_l("Enter an amount."))])
    tax_amount = AmountField(_l("Tax in it"))
    tax_name = StringField(_l("Name of the tax"), [no_card_number])
    lines = FieldList(FormField(LineForm), _l("Lines"), max_entries=incoming_invoices.MOST_LINES)
    accept = BooleanField(_l("Accept it at once"))

    def show_rows(self) -> None:
        """Empty rows below those that are filled in."""
        filled = sum(1 for row in self.lines if row.form.net.data is not None)
        wanted = min(max(ROWS, filled + 2), incoming_invoices.MOST_LINES)
        while len(self.lines.entries) < wanted:
            self.lines.append_entry()

    def to_incoming(self) -> Incoming:
        """What `billing` takes, once the form is valid."""
        return Incoming(
            number=self.number.data or "",
            first_on=self.first_on.data,  # type: ignore[arg-type]  # required
            last_on=self.last_on.data,  # type: ignore[arg-type]  # required
            invoice_on=self.invoice_on.data,  # type: ignore[arg-type]  # required
            due_on=self.due_on.data,
            total=self.total.data or Decimal(0),
            tax=self.tax_amount.data or Decimal(0),
            tax_name=self.tax_name.data or "",
            lines=[
                IncomingLine(
                    row.form.description.data or "",
                    row.form.net.data,
                    Decimal(1) if row.form.quantity.data is None else row.form.quantity.data,
                )
                for row in self.lines
                if row.form.net.data is not None
            ],
        )


@bp.get("/incoming/new")
@office_view(Permission.INVOICES_WRITE)
def new_incoming() -> ResponseReturnValue:
    """The form for one that came; first the choice of the client that sent it."""
    if "client" not in request.args:
        return choose_client("office_invoices.new_incoming", _("Incoming invoice"))
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.args.get("client", 0, type=int))
    return _draw(client, IncomingForm(), invoice_id=new_id(), file_id=new_id())


@bp.post("/incoming/new")
@office_view(Permission.INVOICES_WRITE)
def create_incoming() -> ResponseReturnValue:
    """Enter it; the same drawn form sent twice enters one invoice."""
    invoice_id, file_id = read_form_id("invoice_id"), read_form_id("file_id")
    form = IncomingForm(request.form)
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.form.get("client", 0, type=int))
    if not form.validate():
        return _draw(client, form, invoice_id=invoice_id, file_id=file_id, status=422)
    accept = bool(form.accept.data) and current_viewer().may(Permission.INVOICES_EXECUTE)
    try:
        with unit_of_work() as session:
            incoming_invoices.create_incoming(
                session,
                invoice_id=invoice_id,
                client_id=client.id,
                incoming=form.to_incoming(),
                upload=_read_file(file_id),
                accept=accept,
            )
    except InvalidInputError as error:
        return _wrong(client, form, error, invoice_id=invoice_id, file_id=file_id)
    return _done(invoice_id, _("The invoice is entered."))


@bp.get("/<uuid:invoice_id>/edit")
@office_view(Permission.INVOICES_WRITE)
def edit_incoming(invoice_id: UUID) -> ResponseReturnValue:
    """The same form with what was entered."""
    with unit_of_work() as session:
        one = _get(session, invoice_id)
        client = client_choice.get_chosen(session, one.client_id)
        form = _filled_in(session, one)
    return _draw(client, form, invoice_id=invoice_id, file_id=new_id(), one=one)


@bp.post("/<uuid:invoice_id>/edit")
@office_view(Permission.INVOICES_WRITE)
def update_incoming(invoice_id: UUID) -> ResponseReturnValue:
    """Correct it; who saved first wins."""
    file_id = read_form_id("file_id")
    form = IncomingForm(request.form)
    with unit_of_work() as session:
        one = _get(session, invoice_id)
        client = client_choice.get_chosen(session, one.client_id)
    if not form.validate():
        return _draw(client, form, invoice_id=invoice_id, file_id=file_id, one=one, status=422)
    try:
        with unit_of_work() as session:
            incoming_invoices.update_incoming(
                session,
                invoice_id,
                incoming=form.to_incoming(),
                stamp=form.stamp.data or "",
                upload=_read_file(file_id),
            )
    except InvalidInputError as error:
        return _wrong(client, form, error, invoice_id=invoice_id, file_id=file_id, one=one)
    return _done(invoice_id, _("The invoice is changed."))


@bp.post("/<uuid:invoice_id>/settle")
@office_view(Permission.INVOICES_WRITE)
def settle_incoming(invoice_id: UUID) -> ResponseReturnValue:
    """It is paid, or open again; the same again changes nothing."""
    is_settled = request.form.get("settled") == "1"
    with unit_of_work() as session:
        incoming_invoices.set_settled(session, invoice_id, is_settled=is_settled)
    text = _("The invoice is marked as paid.") if is_settled else _("The invoice is open again.")
    return _done(invoice_id, text)


def _get(session: Session, invoice_id: UUID) -> Invoice:
    one = invoices.get_invoice(session, invoice_id)
    if one.direction != INCOMING:
        raise NotFoundError("Invoice not found.")
    return one


def _filled_in(session: Session, one: Invoice) -> IncomingForm:
    tax_name = session.scalar(select(InvoiceTax.name).where(InvoiceTax.invoice_id == one.id))
    lines = incoming_invoices.read_lines(session, one.id)
    return IncomingForm(
        data={
            "stamp": make_stamp(incoming_invoices.facts(session, one)),
            "number": one.number,
            "invoice_on": one.invoice_on,
            "due_on": one.due_on,
            "first_on": one.first_on,
            "last_on": one.last_on,
            "total": one.total,
            "tax_amount": one.tax or None,
            "tax_name": tax_name or "",
            "lines": [
                {"description": line.description, "quantity": line.quantity, "net": line.net}
                for line in lines
            ],
        }
    )


def _read_file(file_id: UUID) -> Upload | None:
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return None
    with closing(sent):
        # one byte more than is taken, so that too much is seen without reading it all
        return Upload(file_id, sent.filename, sent.stream.read(MAX_BYTES + 1))


def _wrong(
    client: ChosenClient,
    form: IncomingForm,
    error: InvalidInputError,
    *,
    invoice_id: UUID,
    file_id: UUID,
    one: Invoice | None = None,
) -> Response:
    messages = []
    if error.field == "lines" or not put_error(form, error):
        messages = [refusal(error)]
    return _draw(
        client,
        form,
        invoice_id=invoice_id,
        file_id=file_id,
        one=one,
        status=422,
        messages=messages,
    )


def _draw(
    client: ChosenClient,
    form: IncomingForm,
    *,
    invoice_id: UUID,
    file_id: UUID,
    one: Invoice | None = None,
    status: int = 200,
    messages: Sequence[str] = (),
) -> Response:
    form.show_rows()
    return render(
        "office/invoices/incoming.html",
        "office/invoices/_incoming.html",
        status=status,
        client=client,
        form=form,
        invoice_id=invoice_id,
        file_id=file_id,
        one=one,
        day=today(get_zone(client.timezone)),
        may_accept=current_viewer().may(Permission.INVOICES_EXECUTE),
        accept_types=",".join(f".{ending}" for ending in KINDS),
        megabytes=MAX_BYTES // 1024 // 1024,
        messages=list(messages),
    )


def _done(invoice_id: UUID, text: str) -> Response:
    flash(text, "success")
    address = url_for("office_invoices.show", invoice_id=invoice_id)
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]
