"""One's own company and contacts: what stands on invoices and where mail goes."""

from collections.abc import Sequence
from dataclasses import asdict

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError, InvalidInputError, NotAllowedError, TooManyAttemptsError
from core.uow import unit_of_work
from portal import client_access
from portal.access import current_viewer, panel_view
from portal.acting import NOT_FOR_ANOTHER
from portal.fields import put_error
from portal.htmx import render
from portal.panel.me import my_id, read_me
from portal.panel.profile.forms import ProfileForm
from portal.signin.attempts import wait_text
from portal.wording import refusal
from tenants import client_profile
from tenants.client_blocks import Company
from tenants.client_profile import Profile, sign_in_email
from tenants.clients import get_client

bp = Blueprint("panel_profile", __name__, url_prefix="/clients/profile")


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    profile = _read()
    form = ProfileForm(data={**asdict(profile.company), "stamp": profile.stamp})
    form.keep_only(profile.fields)
    return _draw(profile, form)


@bp.post("")
@panel_view
def save() -> ResponseReturnValue:
    """Save what the provider lets the client change.

    The address that mail about signing in goes to opens the account to whoever reads there: to
    change it takes the present password.
    """
    profile = _read()
    form = ProfileForm()
    form.keep_only(profile.fields)
    if not form.validate():
        return _draw(profile, form, status=422)
    try:
        if sign_in_email(_wished(profile, form)) != profile.sign_in_email:
            _confirm(form)
        with unit_of_work() as session:
            before = client_profile.save_profile(
                session, my_id(), form.values(), stamp=form.stamp.data or ""
            )
    except TooManyAttemptsError as error:
        form.current.errors = [wait_text(error.retry_after_s)]
        response = _draw(profile, form, status=429)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(profile, form, status=422, messages=messages)
    except ConflictError:
        return _draw_stale(form)
    _tell(before)
    return redirect(url_for(".index"), 303)


def _read() -> Profile:
    with unit_of_work() as session:
        return client_profile.read_profile(session, get_client(session, my_id()))


def _wished(profile: Profile, form: ProfileForm) -> Company:
    return Company(**{**asdict(profile.company), **form.values()})


def _confirm(form: ProfileForm) -> None:
    if current_viewer().acting is not None:
        raise NotAllowedError(NOT_FOR_ANOTHER)
    if not form.current.data:
        raise InvalidInputError(
            "To change the address that mail about signing in goes to, enter your password.",
            "current",
        )
    client_access.check_password(my_id(), str(form.current.data))


def _tell(before: Profile) -> None:
    after = _read()
    if after.sign_in_email == before.sign_in_email:
        flash(_("Your details are saved."), "success")
        return
    client_access.follow_new_address(my_id(), before.sign_in_email)
    flash(
        _("Your details are saved. Your former address is told, and other sessions have ended."),
        "success",
    )


def _draw_stale(form: ProfileForm) -> Response:
    """What was typed stays; beside it stands what was saved meanwhile."""
    profile = _read()
    form.stamp.data = profile.stamp
    form.stamp.raw_data = None
    return _draw(profile, form, status=409, differing=form.differing(asdict(profile.company)))


def _draw(
    profile: Profile,
    form: ProfileForm,
    *,
    status: int = 200,
    messages: Sequence[str] = (),
    differing: Sequence[tuple[str, str]] = (),
) -> Response:
    with unit_of_work() as session:
        me = read_me(session)
    return render(
        "panel/profile/index.html",
        status=status,
        me=me,
        profile=profile,
        form=form,
        messages=list(messages),
        differing=list(differing),
        company_fields=_present(form, (*client_profile.COMPANY, *client_profile.TAX_IDS)),
        contact_fields=_present(form, client_profile.CONTACTS),
        kept=_kept(profile),
    )


def _present(form: ProfileForm, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in form]


def _kept(profile: Profile) -> list[tuple[str, str]]:
    """What the client can only read: label and value."""
    labels = ProfileForm(formdata=None)
    stored = asdict(profile.company)
    names = (*client_profile.COMPANY, *client_profile.TAX_IDS, *client_profile.CONTACTS)
    return [
        (str(labels[name].label.text), str(stored[name]))
        for name in names
        if name not in profile.fields
    ]
