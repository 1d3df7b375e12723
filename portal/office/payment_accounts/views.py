"""Payment accounts: the list and its form."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import exists, select

from billing import payment_accounts
from billing.models import LedgerLine, PaymentAccount
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments.models import GatewayAccount
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.payment_accounts.blueprint import bp
from portal.office.payment_accounts.forms import AccountForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission
from tenants.stamps import make_stamp

CHANGED = "payment-accounts-changed"


@bp.get("/")
@office_view(Permission.PAYMENT_ACCOUNTS_READ)
def index() -> ResponseReturnValue:
    moved = (
        exists()
        .where(
            LedgerLine.reseller_id == PaymentAccount.reseller_id,
            LedgerLine.payment_account_id == PaymentAccount.id,
        )
        .correlate(PaymentAccount)
    )
    of_gateway = (
        exists()
        .where(
            GatewayAccount.reseller_id == PaymentAccount.reseller_id,
            GatewayAccount.payment_account_id == PaymentAccount.id,
        )
        .correlate(PaymentAccount)
    )
    with unit_of_work() as session:
        rows = session.execute(
            select(
                PaymentAccount,
                Reseller.name.label("reseller"),
                moved.label("moved"),
                of_gateway.label("of_gateway"),
            )
            .join(Reseller, Reseller.id == PaymentAccount.reseller_id)
            .order_by(Reseller.name, PaymentAccount.is_general.desc(), PaymentAccount.name)
            .limit(500)
        ).all()
    return render(
        "office/payment_accounts/index.html",
        "office/payment_accounts/_table.html",
        rows=rows,
        may_write=current_viewer().may(Permission.PAYMENT_ACCOUNTS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.PAYMENT_ACCOUNTS_WRITE)
def new() -> ResponseReturnValue:
    form = AccountForm(reseller_id=current_scope().home_reseller_id, is_active=True)
    with unit_of_work() as session:
        _offer(session, form)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.PAYMENT_ACCOUNTS_WRITE)
def create() -> ResponseReturnValue:
    form = AccountForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
        is_repeated = _find_same(session, form)
    if is_repeated:
        return _saved(form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with unit_of_work() as session:
            payment_accounts.create_account(
                session,
                reseller_id=form.reseller_id.data,
                name=form.name.data or "",
                wish=form.to_wish(),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    return _saved(form)


@bp.get("/<int:payment_account_id>")
@office_view(Permission.PAYMENT_ACCOUNTS_WRITE)
def edit(payment_account_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        account = payment_accounts.get_account(session, payment_account_id)
        _refuse_general(account)
        facts = payment_accounts.facts(account)
        form = AccountForm(
            data={**facts, "reseller_id": account.reseller_id, "stamp": make_stamp(facts)}
        )
        _offer(session, form, account)
    return _draw(form, account)


@bp.post("/<int:payment_account_id>")
@office_view(Permission.PAYMENT_ACCOUNTS_WRITE)
def update(payment_account_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        account = payment_accounts.get_account(session, payment_account_id)
        _refuse_general(account)
        form = AccountForm(request.form, data={"reseller_id": account.reseller_id})
        _offer(session, form, account)
    if not form.validate():
        return _draw(form, account, status=422)
    try:
        with unit_of_work() as session:
            payment_accounts.update_account(
                session, payment_account_id, form.to_wish(), stamp=form.stamp.data or ""
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, account, status=422)
    except ConflictError as error:
        return _draw(form, account, status=409, messages=(refusal(error),))
    return _saved(form)


@bp.post("/<int:payment_account_id>/delete")
@office_view(Permission.PAYMENT_ACCOUNTS_WRITE)
def delete(payment_account_id: int) -> ResponseReturnValue:
    """Only where nothing refers to it."""
    with unit_of_work() as session:
        payment_accounts.delete_account(session, payment_account_id)
    return saved(
        _("The payment account is deleted."),
        changed=CHANGED,
        address=url_for("office_payment_accounts.index"),
    )


def _refuse_general(account: PaymentAccount) -> None:
    if account.is_general:
        raise ConflictError("The General account cannot be changed.")


def _find_same(session: Session, form: AccountForm) -> bool:
    """Whether this very account exists: the form was sent twice."""
    wish = form.to_wish()
    name = " ".join(wish.name.split())
    return any(
        one.name == name
        and one.currency == wish.currency
        and one.details == wish.details.replace("\r\n", "\n")
        and (one.is_active, one.for_gateways) == (wish.is_active, wish.for_gateways)
        for one in payment_accounts.list_accounts(session, form.reseller_id.data or 0)
        if not one.is_general
    )


def _offer(session: Session, form: AccountForm, account: PaymentAccount | None = None) -> None:
    form.offer_currencies(account.currency if account else None)
    form.reseller_id.choices = to_choices(
        [(one.id, one.name) for one in resellers.list_resellers(session)]
    )


def _saved(form: AccountForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_payment_accounts.index"),
    )


def _draw(
    form: AccountForm,
    account: PaymentAccount | None = None,
    *,
    status: int = 200,
    messages: tuple[str, ...] = (),
) -> Response:
    page = render(
        "office/payment_accounts/form.html",
        "office/payment_accounts/_form.html",
        status=status,
        form=form,
        account=account,
        messages=messages,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
