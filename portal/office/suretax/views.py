"""The reseller's account at SureTax: list, form, test of the connection. The key is write-only."""

from flask import Response, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import suretax_accounts
from billing.suretax_models import SureTaxAccount
from billing.suretax_wire import Answer, Outcome
from core.config import Settings
from core.errors import ConflictError, InvalidInputError
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render, toast, wants_partial
from portal.office.saved import saved
from portal.office.suretax import queries
from portal.office.suretax.blueprint import bp
from portal.office.suretax.forms import PROVIDERS, SERVICES, SureTaxForm
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission

CHANGED = "suretax-changed"


@bp.get("/")
@office_view(Permission.TAXES_READ)
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        rows = queries.list_accounts(session)
    viewer = current_viewer()
    return render(
        "office/suretax/index.html",
        "office/suretax/_accounts.html",
        rows=rows,
        services=SERVICES,
        providers=PROVIDERS,
        may_write=viewer.may(Permission.TAXES_WRITE),
        may_see_invoices=viewer.may(Permission.INVOICES_READ),
    )


@bp.get("/<int:reseller_id>")
@office_view(Permission.TAXES_WRITE)
def edit(reseller_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        account = suretax_accounts.find_account(session, reseller_id)
    form = SureTaxForm(obj=account) if account else SureTaxForm()
    return hx(_draw(form, reseller, account), trigger={"dialog:open": {}})


@bp.post("/<int:reseller_id>")
@office_view(Permission.TAXES_WRITE)
def update(reseller_id: int) -> ResponseReturnValue:
    """Make or change it; sent twice it is one account."""
    form = SureTaxForm(request.form)
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        account = suretax_accounts.find_account(session, reseller_id)
    if not form.validate():
        return _draw(form, reseller, account, status=422)
    try:
        with unit_of_work() as session:
            suretax_accounts.save_account(
                session,
                reseller_id=reseller_id,
                wish=form.to_wish(),
                settings=_settings(),
                version=form.shown_version,
            )
    except InvalidInputError as error:
        messages = () if put_error(form, error) else (refusal(error),)
        return _draw(form, reseller, account, status=422, messages=messages)
    except ConflictError as error:
        return _draw(form, reseller, account, status=409, messages=(refusal(error),))
    return saved(
        _("SureTax is set up for %(name)s.", name=reseller.name),
        changed=CHANGED,
        address=url_for("office_suretax.index"),
    )


@bp.post("/<int:reseller_id>/test")
@office_view(Permission.TAXES_WRITE)
def test_connection(reseller_id: int) -> ResponseReturnValue:
    """Ask for the taxes of 1.00 in New York; nothing is filed."""
    with unit_of_work() as session:
        resellers.get_reseller(session, reseller_id)
        account = suretax_accounts.get_account(session, reseller_id)
    # the transaction is over: SureTax may take its time
    who = suretax_accounts.open_account(account, _settings())
    text, level = _describe(suretax_accounts.try_account(who, account))
    if wants_partial():
        return hx(trigger={"toast": toast(text, level)}, reswap="none")
    flash(text, level)
    return redirect(url_for("office_suretax.index"), 303)


def _describe(answer: Answer) -> tuple[str, str]:
    if answer.outcome is Outcome.DONE:
        return _(
            "SureTax answers: the taxes of a sale of 1.00 in New York would be %(tax)s.",
            tax=f"{answer.total:f}",
        ), "success"
    if answer.outcome is Outcome.REFUSED:
        return _(
            "SureTax refuses it: %(code)s %(said)s", code=answer.code, said=answer.text
        ), "error"
    return _("SureTax does not answer: %(said)s", said=answer.text), "error"


def _draw(
    form: SureTaxForm,
    reseller: Reseller,
    account: SureTaxAccount | None,
    *,
    status: int = 200,
    messages: tuple[str, ...] = (),
) -> Response:
    return render(
        "office/suretax/form.html",
        "office/suretax/_form.html",
        status=status,
        form=form,
        reseller=reseller,
        account=account,
        messages=messages,
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["settings"]
    return settings
