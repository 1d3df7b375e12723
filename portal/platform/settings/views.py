"""Settings of the platform: one form, and who changed what of them."""

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import ConflictError, InvalidInputError
from core.platform_uow import platform_unit_of_work
from portal.access import current_viewer, platform_view
from portal.fields import put_error
from portal.htmx import render
from portal.platform.actor import platform_actor
from portal.platform.settings.blueprint import bp
from portal.platform.settings.forms import FIELDS, PlatformSettingsForm
from portal.wording import refusal
from tenants import platform_audit, platform_settings
from tenants.permissions import PlatformPermission

OBJECT = "platform_settings"


@bp.get("/")
@platform_view(PlatformPermission.SETTINGS_READ)
def index() -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        stored = platform_settings.read_settings(session)
    form = PlatformSettingsForm(obj=stored.settings)
    form.version.data = str(stored.version)
    form.offer(stored.settings)
    return _draw(form)


@bp.post("/")
@platform_view(PlatformPermission.SETTINGS_WRITE)
def save() -> ResponseReturnValue:
    form = PlatformSettingsForm()
    with platform_unit_of_work() as session:
        stored = platform_settings.read_settings(session)
    form.offer(stored.settings)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with platform_unit_of_work() as session:
            platform_settings.update_settings(
                session,
                form.to_settings(),
                version=form.shown_version(),
                actor=platform_actor(),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    except ConflictError as error:
        return _draw_stale(form, refusal(error))
    flash(_("The settings are saved."), "success")
    return redirect(url_for("platform_settings.index"), 303)


def _draw_stale(form: PlatformSettingsForm, message: str) -> Response:
    """What was typed stays; beside it stands what somebody else has saved meanwhile."""
    with platform_unit_of_work() as session:
        stored = platform_settings.read_settings(session)
    differences = [
        (str(form[name].label.text), str(getattr(stored.settings, name)))
        for name in FIELDS
        if getattr(stored.settings, name) != form[name].data
    ]
    form.version.data = str(stored.version)
    form.version.raw_data = None
    return _draw(form, status=409, message=message, differences=differences)


def _draw(
    form: PlatformSettingsForm,
    *,
    status: int = 200,
    message: str = "",
    differences: list[tuple[str, str]] | None = None,
) -> Response:
    with platform_unit_of_work() as session:
        history = platform_audit.list_records(session, OBJECT)
    return render(
        "platform/settings/index.html",
        status=status,
        form=form,
        message=message,
        differences=differences or [],
        labels={name: str(form[name].label.text) for name in FIELDS},
        history=history,
        may_write=current_viewer().may(PlatformPermission.SETTINGS_WRITE),
    )
