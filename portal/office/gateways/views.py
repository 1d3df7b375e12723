"""Payment gateways: list, form, test of the connection. Credentials are write-only."""

from contextlib import closing

from flask import Blueprint, Response, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import payment_accounts
from core.config import Settings
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments import gateway_accounts
from payments.gateways.base import AccountInfo, Reply, ReplyStatus
from payments.models import GatewayAccount
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render, toast, wants_partial
from portal.office.gateways import queries
from portal.office.gateways.forms import GatewayForm, NewGatewayForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.permissions import Permission

bp = Blueprint("office_gateways", __name__, url_prefix="/office/gateways")
CHANGED = "gateways-changed"
# names of companies: the same in every language
NAMES = {"authorizenet": "Authorize.net", "stripe": "Stripe"}


@bp.get("/")
@office_view(Permission.GATEWAYS_READ)
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        rows = queries.list_gateways(session, _settings().base_url)
    return render(
        "office/gateways/index.html",
        "office/gateways/_list.html",
        rows=rows,
        names=NAMES,
        may_write=current_viewer().may(Permission.GATEWAYS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.GATEWAYS_WRITE)
def new() -> ResponseReturnValue:
    with unit_of_work() as session:
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
        gateway = _gateway(request.args.get("gateway", ""))
        form = NewGatewayForm(reseller_id=home.id, currency=home.currency, gateway=gateway)
        _offer(session, form, home.id)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.GATEWAYS_WRITE)
def create() -> ResponseReturnValue:
    """Sent twice it is refused the second time: a currency has one enabled account."""
    home_id = current_scope().home_reseller_id
    form = NewGatewayForm(request.form, data={"reseller_id": home_id})
    gateway = form.gateway.data = _gateway(form.gateway.data or "")
    with unit_of_work() as session:
        _offer(session, form, form.reseller_id.data or home_id)
        is_repeated = queries.has_same(session, form.reseller_id.data or home_id, gateway, form)
    if is_repeated:
        return _saved(form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with unit_of_work() as session:
            gateway_accounts.create_account(
                session,
                reseller_id=form.reseller_id.data,
                gateway=gateway,
                name=form.name.data or "",
                description=form.description.data or "",
                payment_account_id=form.payment_account_id.data,
                currency=form.currency.data,
                live=form.mode.data == "live",
                position=form.position.data or 1,
                bank_accounts=form.bank_accounts.data,
                credentials=form.credentials(gateway),
                key_ring=_settings().credential_key_ring,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    return _saved(form)


@bp.get("/<int:account_id>")
@office_view(Permission.GATEWAYS_WRITE)
def edit(account_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        account = gateway_accounts.get_account(session, account_id)
        form = GatewayForm(obj=_shown(account))
        _offer(session, form, account.reseller_id)
    return _draw(form, account)


@bp.post("/<int:account_id>")
@office_view(Permission.GATEWAYS_WRITE)
def update(account_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        account = gateway_accounts.get_account(session, account_id)
        form = GatewayForm(request.form)
        _offer(session, form, account.reseller_id)
    if not form.validate():
        return _draw(form, account, status=422)
    try:
        with unit_of_work() as session:
            stored = gateway_accounts.get_account(session, account_id)
            gateway_accounts.update_account(
                session,
                stored,
                name=form.name.data or "",
                description=form.description.data or "",
                payment_account_id=form.payment_account_id.data,
                position=form.position.data or 1,
                bank_accounts=form.bank_accounts.data,
            )
            gateway_accounts.replace_credentials(
                session,
                stored,
                form.credentials(stored.gateway),
                _settings().credential_key_ring,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, account, status=422)
    return _saved(form)


@bp.post("/<int:account_id>/enabled")
@office_view(Permission.GATEWAYS_WRITE)
def set_enabled(account_id: int) -> ResponseReturnValue:
    """Offer it to clients or not; sent twice it is done once."""
    wanted = request.form.get("enabled") == "1"
    try:
        with unit_of_work() as session:
            account = gateway_accounts.get_account(session, account_id)
            gateway_accounts.set_enabled(session, account, enabled=wanted)
    except InvalidInputError as error:
        flash(refusal(error), "error")
    else:
        text = _("%(name)s is in use.") if wanted else _("%(name)s is switched off.")
        flash(text % {"name": account.name}, "success")
    return redirect(url_for("office_gateways.index"), 303)


@bp.post("/<int:account_id>/test")
@office_view(Permission.GATEWAYS_WRITE)
def test_connection(account_id: int) -> ResponseReturnValue:
    """Ask the gateway who we are; moves no money."""
    with unit_of_work() as session:
        account = gateway_accounts.get_account(session, account_id)
    # the transaction is over: the gateway may take its time
    with closing(gateway_accounts.open_gateway(account, _settings())) as gateway:
        reply = gateway.check_credentials()
    text, level = _describe(account, reply)
    if wants_partial():
        return hx(trigger={"toast": toast(text, level)}, reswap="none")
    flash(text, level)
    return redirect(url_for("office_gateways.index"), 303)


def _describe(account: GatewayAccount, reply: Reply[AccountInfo]) -> tuple[str, str]:
    if reply.status is ReplyStatus.UNREACHABLE:
        return _("The gateway does not answer. Try again in a minute."), "error"
    info = reply.value
    if not reply.ok or info is None:
        return _("The gateway refuses these credentials: %(text)s", text=reply.text), "error"
    if not info.reports_enabled and account.gateway == "stripe":
        return _(
            "The key is right, but it may not read payments. Give it that right at Stripe: without"
            " it a lost answer cannot be looked up."
        ), "error"
    if not info.reports_enabled:
        return _(
            "The credentials are right, but the gateway’s transaction details API is off."
            " Switch it on: without it a lost answer cannot be looked up."
        ), "error"
    if account.currency not in info.currencies:
        return _(
            "The credentials are right, but the account takes %(takes)s and not %(currency)s.",
            takes=", ".join(info.currencies),
            currency=account.currency,
        ), "warning"
    if info.test_mode and account.live:
        return _("Connected, but the gateway runs in test mode: it charges nothing."), "warning"
    if account.gateway == "stripe" and "webhook_secret" not in account.credentials:
        return _(
            "Connected to %(name)s. Enter the webhook’s address at Stripe and its signing secret"
            " here, so that payments are known at once.",
            name=info.name,
        ), "warning"
    return _("Connected to %(name)s.", name=info.name), "success"


def _offer(session: Session, form: GatewayForm, reseller_id: int) -> None:
    family = resellers.list_resellers(session)
    names = {one.id: one.name for one in family}
    if isinstance(form, NewGatewayForm):
        form.offer_currencies()
        form.reseller_id.choices = to_choices([(one.id, one.name) for one in family])
        form.payment_account_id.choices = to_choices(
            [
                (one.id, one.name if len(family) == 1 else f"{one.name} – {names[one.reseller_id]}")
                for owner in family
                for one in payment_accounts.list_for_gateways(session, owner.id)
            ]
        )
        return
    form.payment_account_id.choices = to_choices(
        [(one.id, one.name) for one in payment_accounts.list_accounts(session, reseller_id)]
    )


def _shown(account: GatewayAccount) -> object:
    return queries.Shown(
        account.name,
        account.description,
        account.payment_account_id,
        account.position,
        account.bank_accounts,
    )


def _saved(form: GatewayForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_gateways.index"),
    )


def _draw(
    form: GatewayForm, account: GatewayAccount | None = None, *, status: int = 200
) -> Response:
    page = render(
        "office/gateways/form.html",
        "office/gateways/_form.html",
        status=status,
        form=form,
        gateway=account.gateway if account else form.data["gateway"],
        names=NAMES,
        account=account,
        # an account that takes another currency has no such switch
        may_take_banks=account is None or account.currency == gateway_accounts.BANK_CURRENCY,
        stored=gateway_accounts.describe_credentials(account) if account else [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _gateway(wanted: str) -> str:
    """One that we know; who asks for none gets the first."""
    return wanted if wanted in NAMES else next(iter(NAMES))


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
