"""Transactions: list, new payment or charge, approval, reversal, and the entry behind each."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import currencies, foreign_payments, payment_accounts, transactions
from billing.foreign_payments import Conversion
from billing.models import Transaction
from billing.taxes import TaxedAmount, TaxMode
from billing.transaction_rows import PROFILE_MODE, client_taxes
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from core.zones import get_zone
from payments import refunds
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.formatting import money
from portal.htmx import hx, render, toast, wants_partial
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.form_ids import read_form_id
from portal.office.period import period_options, read_period
from portal.office.transactions import queries
from portal.office.transactions.forms import ChargeForm, PaymentForm, ReverseForm
from portal.office.transactions.queries import KINDS, SORTS, STATUSES, Filters
from portal.wording import refusal
from tenants.clients import get_client
from tenants.permissions import Permission

bp = Blueprint("office_transactions", __name__, url_prefix="/office/transactions")

TYPES = ("payment", "charge")
CHANGED: dict[str, object] = {"transactions-changed": {}, "clients-changed": {}}


@bp.get("/")
@office_view(Permission.TRANSACTIONS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        kind=chosen("kind", KINDS, "any"),
        status=chosen("status", STATUSES, "any"),
        period=read_period(),
        sort=chosen("sort", SORTS, "-date"),
    )
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_transactions(session, filters, read_place())
    return render_list(
        "office/transactions/index.html",
        "office/transactions/_table.html",
        page=page,
        filters=filters,
        client=client,
        periods=period_options(),
        may_write=current_viewer().may(Permission.TRANSACTIONS_WRITE),
    )


@bp.get("/<uuid:transaction_id>")
@office_view(Permission.TRANSACTIONS_READ)
def show(transaction_id: UUID) -> ResponseReturnValue:
    """The transaction and the ledger entry behind it."""
    with unit_of_work() as session:
        detail = queries.get_detail(session, transaction_id)
        entry = queries.find_entry(session, detail.transaction.ledger_entry_id)
    page = render(
        "office/transactions/show.html",
        "office/transactions/_detail.html",
        detail=detail,
        entry=entry,
    )
    return hx(page, trigger={"dialog:open": {}})


@bp.get("/new/<type>")
@office_view(Permission.TRANSACTIONS_WRITE)
def new(type: str) -> ResponseReturnValue:
    """The form, or first the choice of a client."""
    _check_type(type)
    client_id = request.args.get("client", type=int)
    if client_id is None:
        return _choose_client(type)
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, client_id)
        form = _form(session, type, client)
    form.dated_on.data = today(get_zone(client.timezone))
    return _draw(type, client, form, new_id())


@bp.post("/new/<type>")
@office_view(Permission.TRANSACTIONS_WRITE)
def create(type: str) -> ResponseReturnValue:
    """Book it; the same drawn form sent twice books once."""
    _check_type(type)
    transaction_id = read_form_id("transaction_id")
    client_id = request.form.get("client_id", 0, type=int)
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, client_id)
        form = _form(session, type, client)
    if not form.validate():
        return _draw(type, client, form, transaction_id, status=422)
    try:
        with unit_of_work() as session:
            booked = _book(session, client, form, transaction_id)
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(type, client, form, transaction_id, status=422, messages=messages)
    return _done(_booked_text(booked, client))


@bp.get("/new/<type>/amount")
@office_view(Permission.TRANSACTIONS_WRITE)
def preview_amount(type: str) -> ResponseReturnValue:
    """How the typed amount is read, with the taxes it would carry; books nothing."""
    _check_type(type)
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.args.get("client_id", 0, type=int))
        form = (PaymentForm if type == "payment" else ChargeForm)(request.args)
        amount = form.amount.data
        taxed = conversion = None
        problem = ""
        if amount is not None and isinstance(form, ChargeForm):
            taxed = _taxed(session, client.id, form)
        elif amount is not None and isinstance(form, PaymentForm):
            conversion, problem = _conversion(session, client, form)
    return render(
        "office/transactions/amount.html",
        "office/transactions/_reading.html",
        client=client,
        amount=amount,
        taxed=taxed,
        conversion=conversion,
        error=next(iter(form.amount.process_errors), "") or problem,
    )


@bp.post("/<uuid:transaction_id>/approve")
@office_view(Permission.TRANSACTIONS_WRITE)
def approve(transaction_id: UUID) -> ResponseReturnValue:
    """Let a pending one move the balances; approving again changes nothing."""
    with unit_of_work() as session:
        transactions.approve(session, transaction_id)
    return _done(_("The transaction is approved."), back=transaction_id)


@bp.get("/<uuid:transaction_id>/reverse")
@office_view(Permission.TRANSACTIONS_WRITE)
def reverse_form(transaction_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        detail = queries.get_detail(session, transaction_id)
    return _draw_reverse(detail, ReverseForm(), new_id())


@bp.post("/<uuid:transaction_id>/reverse")
@office_view(Permission.TRANSACTIONS_WRITE)
def reverse(transaction_id: UUID) -> ResponseReturnValue:
    """Undo it by its opposite; the same drawn form sent twice reverses once."""
    reversal_id = read_form_id("reversal_id")
    form = ReverseForm(request.form)
    with unit_of_work() as session:
        detail = queries.get_detail(session, transaction_id)
    if not form.validate():
        return _draw_reverse(detail, form, reversal_id, status=422)
    try:
        with unit_of_work() as session:
            refunds.check_no_refund(session, transaction_id)
            transactions.reverse(
                session, transaction_id, reversal_id=reversal_id, reason=form.reason.data or ""
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw_reverse(detail, form, reversal_id, status=422, messages=messages)
    return _done(_("The transaction is reversed."), back=transaction_id)


def _book(
    session: Session, client: ChosenClient, form: PaymentForm | ChargeForm, transaction_id: UUID
) -> Transaction:
    dated_at = form.dated_at(client.timezone)
    if isinstance(form, PaymentForm) and form.currency.data != client.currency:
        return foreign_payments.create_foreign_payment(
            session,
            transaction_id=transaction_id,
            client_id=client.id,
            amount=form.exact_amount,
            currency=form.currency.data,
            rate=form.rate.data,
            payment_account_id=form.payment_account_id.data,
            dated_at=dated_at,
            description=form.description.data or "",
            status=form.status.data,
        )
    if isinstance(form, PaymentForm):
        return transactions.create_payment(
            session,
            transaction_id=transaction_id,
            client_id=client.id,
            amount=form.exact_amount,
            payment_account_id=form.payment_account_id.data,
            dated_at=dated_at,
            description=form.description.data or "",
            status=form.status.data,
        )
    return transactions.create_charge(
        session,
        transaction_id=transaction_id,
        client_id=client.id,
        amount=form.exact_amount,
        tax_mode=form.tax_mode.data,
        dated_at=dated_at,
        description=form.description.data or "",
        quantity=form.quantity.data,
        status=form.status.data,
    )


def _conversion(
    session: Session, client: ChosenClient, form: PaymentForm
) -> tuple[Conversion | None, str]:
    """What an amount in another currency comes to, or why it cannot be said."""
    currency = request.args.get("currency", client.currency)
    if currency == client.currency:
        return None, ""
    try:
        return (
            foreign_payments.convert_payment(
                session,
                client_id=client.id,
                amount=form.exact_amount,
                currency=currency,
                rate=form.rate.data,
                dated_at=form.dated_at(client.timezone),
            ),
            "",
        )
    except InvalidInputError as error:
        return None, refusal(error)


def _taxed(session: Session, client_id: int, form: ChargeForm) -> TaxedAmount | None:
    mode = form.tax_mode.data or PROFILE_MODE
    if form.exact_amount <= 0 or mode not in (*TaxMode, PROFILE_MODE):
        return None
    client = get_client(session, client_id)
    dated_at = form.dated_at(client.timezone)
    return client_taxes(session, client, form.exact_amount, mode, dated_at)


def _form(session: Session, kind: str, client: ChosenClient) -> PaymentForm | ChargeForm:
    formdata = request.form if request.method == "POST" else None
    if kind == "charge":
        return ChargeForm(formdata)
    form = PaymentForm(formdata)
    codes = _offer_currencies(session, form, client)
    usable = {
        one.id: one.name
        for code in codes
        for one in payment_accounts.list_usable(session, client.reseller_id, code)
    }
    form.payment_account_id.choices = to_choices(usable.items())
    return form


def _offer_currencies(session: Session, form: PaymentForm, client: ChosenClient) -> list[str]:
    """Those of the reseller, the client's own one first; it is chosen unless another is sent."""
    others = currencies.list_codes(session, client.reseller_id) - {client.currency}
    codes = [client.currency, *sorted(others)]
    form.currency.choices = to_choices([(code, code) for code in codes])
    if form.currency.data not in codes and not form.currency.raw_data:
        form.currency.data = client.currency
    return codes


def _choose_client(kind: str) -> Response:
    search = request.args.get("q", "").strip()[:100]
    with unit_of_work() as session:
        found = client_choice.search_clients(session, search)
    page = render(
        "office/transactions/choose.html",
        "office/transactions/_found.html"
        if "q" in request.args
        else "office/transactions/_choose.html",
        type=kind,
        search=search,
        found=found,
    )
    return page if "q" in request.args else hx(page, trigger={"dialog:open": {}})


def _draw(
    kind: str,
    client: ChosenClient,
    form: PaymentForm | ChargeForm,
    transaction_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/transactions/new.html",
        "office/transactions/_form.html",
        status=status,
        type=kind,
        client=client,
        form=form,
        transaction_id=transaction_id,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_reverse(
    detail: queries.Detail,
    form: ReverseForm,
    reversal_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/transactions/reverse.html",
        "office/transactions/_reverse.html",
        status=status,
        detail=detail,
        form=form,
        reversal_id=reversal_id,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _booked_text(booked: Transaction, client: ChosenClient) -> str:
    amount = f"{money(booked.total, booked.currency)} {booked.currency}"
    text: str
    if booked.status == "pending":
        text = _("%(amount)s for %(name)s waits for approval.", amount=amount, name=client.name)
    elif booked.type == "payment":
        text = _("Payment of %(amount)s by %(name)s is booked.", amount=amount, name=client.name)
    else:
        text = _("%(name)s is charged %(amount)s.", amount=amount, name=client.name)
    return text


def _done(text: str, *, back: UUID | None = None) -> Response:
    if wants_partial():
        return hx(trigger={"dialog:close": {}, **CHANGED, "toast": toast(text)}, reswap="none")
    flash(text, "success")
    if back is not None:
        return redirect(url_for("office_transactions.show", transaction_id=back), 303)  # type: ignore[return-value]
    return redirect(url_for("office_transactions.index"), 303)  # type: ignore[return-value]


def _check_type(kind: str) -> None:
    if kind not in TYPES:
        raise NotFoundError
