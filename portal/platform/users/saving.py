"""Inviting and editing a person of the platform."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.exc import IntegrityError
from wtforms import EmailField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from core.errors import ConflictError, InvalidInputError
from core.platform_uow import platform_unit_of_work
from core.zones import list_zone_names
from portal.access import current_viewer, platform_view
from portal.fields import latin_email, put_error, to_choices
from portal.htmx import hx, render
from portal.locales import language_choices
from portal.office.saved import saved
from portal.platform.actor import platform_actor
from portal.platform.users.access import draw_link
from portal.platform.users.blueprint import bp
from portal.platform.users.views import me
from portal.wording import refusal
from tenants import password_resets, platform_staff, signin_accounts
from tenants.models import PlatformUser
from tenants.permissions import PlatformPermission
from tenants.platform_staff import PlatformUserDetails
from tenants.staff import NAME_LENGTH

CHANGED = "platform-users-changed"


def _without_nul(text: str | None) -> str:
    # PostgreSQL takes no zero byte
    return (text or "").replace("\x00", "").strip()


class PlatformUserForm(FlaskForm):  # type: ignore[misc]  # flask-wtf has no types
    """A person of the operator."""

    version = HiddenField()
    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("Enter a name.")),
            Length(max=NAME_LENGTH, message=_l("This is too long.")),
        ],
        filters=[_without_nul],
    )
    email = EmailField(
        _l("E-mail"),
        [InputRequired(_l("Enter an e-mail address.")), latin_email],
        filters=[_without_nul],
    )
    role = SelectField(
        _l("Role"),
        choices=to_choices(
            [("viewer", _l("Viewer: sees everything")), ("admin", _l("Admin: may do everything"))]
        ),
    )
    locale = SelectField(_l("Language"))
    timezone = SelectField(_l("Time zone"))

    def offer(self, *, locale: str = "") -> None:
        """What can be chosen; a language that is stored and spoken no more stays one."""
        languages = dict(language_choices())
        if locale:
            languages.setdefault(locale, locale)
        self.locale.choices = to_choices(languages.items())
        self.timezone.choices = to_choices((name, name) for name in list_zone_names())

    def to_details(self) -> PlatformUserDetails:
        return PlatformUserDetails(
            name=self.name.data or "",
            email=self.email.data or "",
            role=self.role.data,
            locale=self.locale.data,
            timezone=self.timezone.data,
        )


@bp.get("/new")
@platform_view(PlatformPermission.USERS_WRITE)
def new() -> ResponseReturnValue:
    form = PlatformUserForm(
        formdata=None,
        data={
            "role": "viewer",
            "timezone": current_viewer().timezone,
            "locale": current_viewer().locale or "en",
        },
    )
    form.offer()
    return _draw(form)


@bp.post("/new")
@platform_view(PlatformPermission.USERS_WRITE)
def create() -> ResponseReturnValue:
    """The person is made, and its link shown once: there is no mail without a reseller."""
    form = PlatformUserForm()
    form.offer()
    if not form.validate():
        return _draw(form, status=422)
    try:
        with platform_unit_of_work() as session:
            user = platform_staff.create_platform_user(
                session, form.to_details(), actor=platform_actor()
            )
            account = signin_accounts.get_account(session, "platform", user.id)
            token = password_resets.create_invitation(session, account)
    except InvalidInputError as error:
        return _refuse(form, None, error)
    except IntegrityError:
        return _refuse(form, None, ConflictError("Somebody was faster. Try again."))
    return draw_link(account, token, is_invitation=True)


@bp.get("/<int:platform_user_id>/edit")
@platform_view(PlatformPermission.USERS_WRITE)
def edit(platform_user_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        user = platform_staff.get_platform_user(session, platform_user_id)
    form = PlatformUserForm(formdata=None, obj=user)
    form.offer(locale=user.locale)
    return _draw(form, user)


@bp.post("/<int:platform_user_id>/edit")
@platform_view(PlatformPermission.USERS_WRITE)
def update(platform_user_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        user = platform_staff.get_platform_user(session, platform_user_id)
    form = PlatformUserForm()
    form.offer(locale=user.locale)
    if platform_user_id == me().subject_id:
        # drawn as text: nobody changes their own
        form.role.data = user.role
    if not form.validate():
        return _draw(form, user, status=422)
    try:
        with platform_unit_of_work() as session:
            former = user.email
            user = platform_staff.update_platform_user(
                session,
                platform_user_id,
                form.to_details(),
                version=request.form.get("version", 0, type=int),
                actor=platform_actor(),
            )
            if user.email != former:
                password_resets.end_links(session, "platform", platform_user_id)
    except (InvalidInputError, ConflictError) as error:
        return _refuse(form, user, error)
    return saved(
        _("%(name)s is saved.", name=user.name),
        changed=CHANGED,
        address=url_for("platform_users.show", platform_user_id=platform_user_id),
    )


def _refuse(
    form: PlatformUserForm,
    user: PlatformUser | None,
    error: InvalidInputError | ConflictError,
) -> Response:
    if isinstance(error, InvalidInputError) and put_error(form, error):
        return _draw(form, user, status=422)
    return _draw(form, user, status=error.http_status, messages=[refusal(error)])


def _draw(
    form: PlatformUserForm,
    user: PlatformUser | None = None,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "platform/users/form.html",
        "platform/users/_form.html",
        status=status,
        form=form,
        user=user,
        is_me=user is not None and user.id == me().subject_id,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
