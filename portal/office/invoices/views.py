"""Invoices: list, page, file, mail, and one made by hand."""

from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import invoice_mailing, invoices, tax_waits
from billing.invoice_contents import Contents, read_contents
from billing.invoice_models import Invoice
from billing.periods import Period
from billing.suretax_models import TaxWait
from billing.suretax_requests import needs_suretax
from billing.suretax_rules import split_zip
from core import jobs
from core.clock import today
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import current_user_timezone, current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render, toast, wants_partial
from portal.keyset import read_place
from portal.listing import render_list
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.form_ids import read_form_id
from portal.office.invoices import manual, queries
from portal.office.invoices.blueprint import bp
from portal.office.invoices.choosing import choose_client
from portal.office.invoices.filters import read_filters
from portal.office.invoices.manual import Days, InvoiceForm
from portal.office.period import period_options
from portal.office.stored_file import send_stored
from portal.wording import refusal
from tenants.client_blocks import get_company
from tenants.clients import get_client
from tenants.files import get_file
from tenants.permissions import Permission


@bp.get("/")
@office_view(Permission.INVOICES_READ)
def index() -> ResponseReturnValue:
    filters = read_filters()
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_invoices(session, filters, read_place())
        totals = queries.sum_invoices(session, filters, page.count)
        choices = queries.list_choices(session)
        waiting = queries.count_waiting(session, filters.client_id)
    viewer = current_viewer()
    return render_list(
        "office/invoices/index.html",
        "office/invoices/_table.html",
        status=422 if filters.errors else 200,
        page=page,
        filters=filters,
        client=client,
        totals=totals,
        choices=choices,
        zip_id=new_id(),
        waiting=waiting,
        periods=period_options(),
        day=today(current_user_timezone()),
        may_execute=viewer.may(Permission.INVOICES_EXECUTE),
        may_write=viewer.may(Permission.INVOICES_WRITE),
    )


@bp.get("/<uuid:invoice_id>")
@office_view(Permission.INVOICES_READ)
def show(invoice_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        page = queries.get_page(session, invoice_id)
    viewer = current_viewer()
    return render(
        "office/invoices/show.html",
        "office/invoices/_invoice.html",
        page=page,
        day=today(current_user_timezone()),
        request_id=new_id(),
        may_execute=viewer.may(Permission.INVOICES_EXECUTE),
        may_write=viewer.may(Permission.INVOICES_WRITE),
    )


@bp.get("/<uuid:invoice_id>/pdf")
@office_view(Permission.INVOICES_READ)
def pdf(invoice_id: UUID) -> ResponseReturnValue:
    """The stored file: the same bytes every time. `download` saves instead of showing.

    While there is none the invoice's page says why.
    """
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        if invoice.file_id is None:
            return _no_file(invoice)
        file = get_file(session, invoice.file_id)
        came = invoice.direction == invoices.INCOMING
    # a file that came from outside is saved, never shown
    return send_stored(file, as_attachment=came or "download" in request.args)


def _no_file(invoice: Invoice) -> ResponseReturnValue:
    if invoice.direction == invoices.INCOMING:
        text = _("No file is attached to this invoice.")
    elif invoice.issued_at is None:
        text = _("This invoice was not issued, so it has no PDF.")
    else:
        text = _("The PDF is being made. Please try again in a minute.")
    flash(text, "info")
    return redirect(url_for("office_invoices.show", invoice_id=invoice.id), 303)


@bp.post("/<uuid:invoice_id>/issue")
@office_view(Permission.INVOICES_EXECUTE)
def issue(invoice_id: UUID) -> ResponseReturnValue:
    """Verified: it counts from now on and is mailed; issuing again changes nothing."""
    with unit_of_work() as session:
        made = invoices.issue(session, invoice_id)
    if made.direction == invoices.INCOMING:
        return _back(invoice_id, _("Invoice %(number)s is accepted.", number=made.number))
    return _back(invoice_id, _("Invoice %(number)s is issued and on its way.", number=made.number))


@bp.post("/<uuid:invoice_id>/finish")
@office_view(Permission.INVOICES_EXECUTE)
def finish(invoice_id: UUID) -> ResponseReturnValue:
    """Ask again for the file and the mail of an issued invoice that still lacks them."""
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        if invoice.issued_at is None:
            raise ConflictError("This invoice waits to be verified.")
        if invoice.direction == invoices.INCOMING:
            raise ConflictError("This invoice came from the client: no file of it is made.")
        jobs.enqueue(
            session,
            "billing.finish_invoice",
            reseller_id=invoice.reseller_id,
            invoice_id=str(invoice.id),
        )
    return _back(invoice_id, _("The file and its mail are being made."))


@bp.post("/<uuid:invoice_id>/send-again")
@office_view(Permission.INVOICES_EXECUTE)
def send_again(invoice_id: UUID) -> ResponseReturnValue:
    """Mail the stored file once more; the same drawn button sends once."""
    request_id = read_form_id("request_id")
    try:
        with unit_of_work() as session:
            invoice_mailing.mail_again(session, invoice_id, request_id=request_id)
    except InvalidInputError as error:
        return _back(invoice_id, refusal(error), level="error")
    return _back(invoice_id, _("The invoice is in the mail queue."))


@bp.get("/new")
@office_view(Permission.INVOICES_EXECUTE)
def new() -> ResponseReturnValue:
    """What an invoice made now would hold; first the choice of a client."""
    if "client" not in request.args:
        return choose_client("office_invoices.new", _("Invoice now"))
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.args.get("client", 0, type=int))
        days = manual.read_days(session, client)
        form = InvoiceForm(request.args if "last_on" in request.args else None)
        if form.last_on.data is None:
            form.last_on.data = days.today_on
        contents = _preview(session, client, days, form)
    return _draw(client, days, form, contents, _drawn_id())


@bp.post("/new")
@office_view(Permission.INVOICES_EXECUTE)
def create() -> ResponseReturnValue:
    """Make it; the same drawn form sent twice makes one invoice."""
    invoice_id = read_form_id("invoice_id")
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.form.get("client", 0, type=int))
        known = invoices.find_invoice(session, invoice_id)
        wait = tax_waits.find_wait(session, invoice_id)
        days = manual.read_days(session, client)
        form = InvoiceForm(request.form)
        contents = None if known or wait else _preview(session, client, days, form)
    if known is not None or wait is not None:
        return _made(invoice_id, waits=wait is not None)
    if form.errors or form.last_on.data is None:
        return _draw(client, days, form, contents, invoice_id, status=422)
    try:
        with unit_of_work() as session:
            _check_suretax(session, client, days.period_to(form.last_on.data))
            made = tax_waits.make_invoice(
                session,
                invoice_id=invoice_id,
                client_id=client.id,
                period=days.period_to(form.last_on.data),
                autoinvoice=False,
                invoice_on=form.invoice_on.data,
                issue=bool(form.issue.data),
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(client, days, form, contents, invoice_id, status=422, messages=messages)
    if made is None:
        nothing = [_("There is nothing to pay in this period, so no invoice was made.")]
        return _draw(client, days, form, contents, invoice_id, status=422, messages=nothing)
    return _made(invoice_id, waits=isinstance(made, TaxWait))


@bp.post("/<uuid:invoice_id>/mark-sent")
@office_view(Permission.INVOICES_EXECUTE)
def mark_sent(invoice_id: UUID) -> ResponseReturnValue:
    """It reached the client by another way: no mail waits for it any more."""
    with unit_of_work() as session:
        number = invoice_mailing.mark_sent(session, invoice_id).number
    return _back(invoice_id, _("Invoice %(number)s is marked as sent.", number=number))


def _preview(
    session: Session, client: ChosenClient, days: Days, form: InvoiceForm
) -> Contents | None:
    form.first_on, form.latest_on = days.first_on, days.today_on
    if not form.validate() or form.last_on.data is None:
        return None
    try:
        return manual.preview(session, client, days.period_to(form.last_on.data))
    except InvalidInputError as error:
        put_error(form, error)
        return None


def _draw(
    client: ChosenClient,
    days: Days,
    form: InvoiceForm,
    contents: Contents | None,
    invoice_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/invoices/new.html",
        "office/invoices/_form.html",
        status=status,
        by_suretax=_is_suretaxed(client, contents),
        client=client,
        days=days,
        form=form,
        contents=contents,
        invoice_id=invoice_id,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _is_suretaxed(client: ChosenClient, contents: Contents | None) -> bool:
    if contents is None:
        return False
    with unit_of_work() as session:
        return needs_suretax(session, get_client(session, client.id), contents)


def _drawn_id() -> UUID:
    """The id of the form that is being drawn anew, else a new one."""
    try:
        return UUID(request.args.get("invoice_id", ""))
    except ValueError:
        return new_id()


def _check_suretax(session: Session, client: ChosenClient, period: Period) -> None:
    """Say at once what SureTax could not take, instead of letting the invoice wait for it."""
    contents = read_contents(session, client.id, client.currency, period.ends_at)
    if needs_suretax(session, get_client(session, client.id), contents):
        split_zip(get_company(session, client.id).zip_code)


def _made(invoice_id: UUID, *, waits: bool) -> Response:
    if waits:
        address = url_for("office_suretax.wait", wait_id=invoice_id)
        flash(_("The invoice waits for its taxes and is made when SureTax answers."), "info")
    else:
        address = url_for("office_invoices.show", invoice_id=invoice_id)
        flash(_("The invoice is made."), "success")
    if wants_partial():
        return hx(redirect=address)
    return redirect(address, 303)  # type: ignore[return-value]


def _back(invoice_id: UUID, text: str, *, level: str = "success") -> Response:
    address = url_for("office_invoices.show", invoice_id=invoice_id)
    if wants_partial():
        return hx(trigger={"invoices-changed": {}, "toast": toast(text, level)}, reswap="none")
    flash(text, level)
    return redirect(address, 303)  # type: ignore[return-value]
