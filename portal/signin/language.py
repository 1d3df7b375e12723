"""The language of one's own pages and mail."""

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from core.errors import InvalidInputError
from core.platform_uow import platform_unit_of_work
from portal.access import panel_view, staff_view
from portal.locales import LANGUAGES
from portal.sessions import current_identity
from portal.signin.attempts import client_ip
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, STAFF, Door
from tenants import signin, signin_accounts


@bp.post("/account/language")
@staff_view
def change_language() -> ResponseReturnValue:
    return _change(STAFF)


@bp.post("/clients/account/language")
@panel_view
def panel_change_language() -> ResponseReturnValue:
    return _change(PANEL)


def _change(door: Door) -> ResponseReturnValue:
    me = current_identity()
    assert me is not None
    locale = request.form.get("locale", "")
    if locale not in LANGUAGES:
        raise InvalidInputError("Choose a language.", "locale")
    with platform_unit_of_work() as db:
        account = signin_accounts.get_account(db, me.area, me.subject_id)
        if account.locale != locale:
            signin_accounts.save_locale(db, account, locale)
            signin.record_act(db, account, "language_changed", client_ip())
    with force_locale(locale):
        flash(_("From now on you read %(language)s.", language=LANGUAGES[locale]), "success")
    return redirect(door.url("account"), 303)
