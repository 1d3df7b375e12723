"""Self sign-up: a stranger asks, a mailed link proves the address, then the client is made.

Whoever asks gets the same answer after the same time: whether an address or a login is known here
is told by mail only, to who reads that address.
"""

import time
from uuid import UUID

import structlog
from babel import Locale
from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from core.db import Session
from core.errors import InvalidInputError, LimitError, NotFoundError, TooManyAttemptsError
from core.ids import new_id, new_token
from core.platform_uow import platform_unit_of_work
from core.zones import list_zone_names
from mail import templates
from mail.queue import MailKind, portal_address, queue_mail
from payments import client_sign_ups
from portal.access import public_view
from portal.fields import put_error, to_choices
from portal.htmx import render
from portal.locales import DEFAULT, LANGUAGES
from portal.signin.attempts import client_ip, reset_link_attempt, sign_up_attempt, wait_text
from portal.signin.blueprint import bp
from portal.signin.doors import PANEL, enter_tenant
from portal.signin.forms import ConfirmSignUpForm, SignUpForm
from portal.site import branded
from portal.viewer import Viewer, set_viewer
from portal.wording import refusal
from tenants import passwords, resellers, sign_up_rules, sign_ups, signin_throttle
from tenants.branding import find_brand
from tenants.models import Reseller
from tenants.sign_up_models import SignUp
from tenants.sign_up_rules import Rules
from tenants.sign_ups import Wish

# longer than hashing a password and writing a mail take, so that the time tells nothing
ANSWER_AFTER_S = 0.4
_log = structlog.get_logger(__name__)


@bp.get("/clients/sign-up")
@public_view(reason="who signs up is nobody yet")
def panel_sign_up() -> ResponseReturnValue:
    with platform_unit_of_work() as db:
        place = _find_place(db)
    if place is None:
        return _closed()
    reseller, rules = place
    form = SignUpForm(formdata=None, timezone=reseller.timezone)
    return _draw(form, reseller, rules, new_id())


@bp.post("/clients/sign-up")
@public_view(reason="who signs up is nobody yet")
def panel_begin_sign_up() -> ResponseReturnValue:
    """Write the wish down and mail a link; the same drawn form sent twice mails once."""
    started = time.monotonic()
    with platform_unit_of_work() as db:
        place = _find_place(db)
    if place is None:
        return _closed()
    reseller, rules = place
    form, sign_up_id = SignUpForm(), _read_id()
    _offer(form)
    if not form.validate():
        return _draw(form, reseller, rules, sign_up_id, status=422)
    try:
        with platform_unit_of_work() as db:
            wish = sign_ups.checked_wish(db, reseller, rules, _wish_of(form))
        _ask(reseller, rules, wish, sign_up_id)
    except InvalidInputError as error:
        problem = "" if put_error(form, error) else refusal(error)
        return _draw(form, reseller, rules, sign_up_id, status=422, problem=problem)
    except TooManyAttemptsError as error:
        text = wait_text(error.retry_after_s)
        answer = _draw(form, reseller, rules, sign_up_id, status=429, problem=text)
        answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer
    except LimitError as error:
        with platform_unit_of_work() as db:
            sign_ups.tell_cap(db, reseller.id)
        return _draw(form, reseller, rules, sign_up_id, status=429, problem=refusal(error))
    time.sleep(max(0.0, started + ANSWER_AFTER_S - time.monotonic()))
    return redirect(url_for(".panel_sign_up", portal=PANEL.portal_code or None, sent="1"), 303)


@bp.route("/clients/sign-up/confirm/<token>", methods=["GET", "POST"])
@public_view(reason="the mailed link is the proof")
def panel_confirm_sign_up(token: str) -> ResponseReturnValue:
    """A button, for programs that read mail open links; then what became of it."""
    attempt = reset_link_attempt()
    form = ConfirmSignUpForm()
    problem_login: str | None = None
    try:
        with platform_unit_of_work() as db:
            signin_throttle.count_attempt(db, attempt.keys)
        with platform_unit_of_work() as db:
            row = sign_ups.find_by_token(db, token)
            if row is not None:
                signin_throttle.take_back(db, attempt.shared)
                if request.method == "POST" and form.validate():
                    sign_ups.confirm(db, row, login=form.login.data or "")
    except InvalidInputError as error:
        problem_login = refusal(error)
    except NotFoundError:
        row = None
    except TooManyAttemptsError as error:
        raise TooManyAttemptsError(wait_text(error.retry_after_s), error.retry_after_s) from error
    if request.method == "POST" and problem_login is None and row is not None:
        return _quiet(redirect(url_for(".panel_confirm_sign_up", token=token), 303))
    return _draw_state(form, token, problem_login)


def sign_up_url(db: Session, reseller_id: int | None) -> str:
    """The page where strangers sign up with this tenant; empty where they cannot."""
    if reseller_id is None or sign_up_rules.find_open_rules(db, reseller_id) is None:
        return ""
    return url_for("signin.panel_sign_up", portal=PANEL.portal_code or None)


def _find_place(db: Session) -> tuple[Reseller, Rules] | None:
    reseller_id = enter_tenant(db, PANEL)
    if reseller_id is None:
        return None
    rules = sign_up_rules.find_open_rules(db, reseller_id)
    return None if rules is None else (resellers.get_reseller(db, reseller_id), rules)


def _wish_of(form: SignUpForm) -> Wish:
    language = str(get_locale() or DEFAULT)
    return Wish(
        name=form.name.data or "",
        company_name=form.company_name.data or "",
        email=form.email.data or "",
        login=form.login.data or "",
        password=form.password.data or "",
        country=form.country.data or "",
        timezone=form.timezone.data or "",
        locale=language if language in LANGUAGES else DEFAULT,
        has_accepted=bool(form.has_accepted.data),
    )


def _ask(reseller: Reseller, rules: Rules, wish: Wish, sign_up_id: UUID) -> None:
    with platform_unit_of_work() as db:
        signin_throttle.count_attempt(db, sign_up_attempt(wish.email, reseller.id).keys)
    # slow on purpose, so no connection is held while it runs; also where it is not needed
    password_hash, token = passwords.hash_password(wish.password), new_token()
    with platform_unit_of_work() as db:
        sign_ups.check_cap(db, reseller.id, rules)
        is_known = sign_ups.is_known_address(db, reseller.id, wish.email)
        is_new = sign_ups.create_sign_up(
            db,
            sign_up_id=sign_up_id,
            reseller_id=reseller.id,
            wish=wish,
            password_hash="" if is_known else password_hash,
            # nobody gets the link of a wish that can lead nowhere
            token=new_token() if is_known else token,
            terms_url=rules.terms_url,
            ip=client_ip(),
        )
        if is_new:
            _mail(db, reseller, wish, sign_up_id, "" if is_known else token)


def _mail(db: Session, reseller: Reseller, wish: Wish, sign_up_id: UUID, token: str) -> None:
    """The link, or that the address is known here already."""
    confirm = url_for(".panel_confirm_sign_up", token=token or "-")
    letter = templates.write(
        db,
        reseller_id=reseller.id,
        name="sign_up_confirm" if token else "sign_up_known",
        locale=wish.locale,
        variables={
            "name": wish.name,
            "sender_name": reseller.company_name or reseller.name,
            # at a configured address: the request's Host header is the sender's to choose
            "confirm_url": portal_address(reseller.portal_host) + confirm,
            "hours": int(sign_ups.LIFETIME.total_seconds() // 3600),
            "sign_in_url": client_sign_ups.sign_in_url(reseller),
        },
    )
    try:
        queue_mail(
            db,
            reseller_id=reseller.id,
            kind=MailKind.SIGN_UP if token else MailKind.PANEL_ACCESS,
            dedupe_key=f"sign_up:{sign_up_id}",
            to_address=wish.email,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
        )
    except InvalidInputError as error:
        _log.warning("sign_up.not_mailed", sign_up=str(sign_up_id), reason=error.message)


def _read_id() -> UUID:
    try:
        return UUID(request.form.get("sign_up_id", ""))
    except ValueError as error:
        raise InvalidInputError("This form is out of date. Load the page anew.") from error


def _offer(form: SignUpForm) -> None:
    territories = Locale.parse(str(get_locale() or DEFAULT)).territories
    countries = sorted(
        ((code, name) for code, name in territories.items() if len(code) == 2 and code.isalpha()),
        key=lambda pair: pair[1],
    )
    form.country.choices = to_choices([("", _("Choose")), *countries])
    form.timezone.choices = to_choices([(one, one) for one in list_zone_names()])


def _draw(
    form: SignUpForm,
    reseller: Reseller,
    rules: Rules,
    sign_up_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    _offer(form)
    code = PANEL.portal_code
    return render(
        "signin/sign_up.html",
        status=status,
        form=form,
        title=_("Sign up"),
        provider=reseller.name,
        rules=rules,
        sign_up_id=sign_up_id,
        problem=problem,
        is_sent="sent" in request.args and request.method == "GET",
        min_length=passwords.MIN_LENGTH,
        hours=int(sign_ups.LIFETIME.total_seconds() // 3600),
        action=url_for(".panel_begin_sign_up", portal=code or None),
        sign_in_url=PANEL.url("sign_in", portal=code),
    )


def _closed() -> Response:
    """No tenant, or one that lets nobody sign up: the same page."""
    return render(
        "signin/sign_up_closed.html",
        status=404,
        title=_("Sign up"),
        sign_in_url=PANEL.url("sign_in", portal=PANEL.portal_code),
    )


def _draw_state(form: ConfirmSignUpForm, token: str, problem: str | None) -> Response:
    with platform_unit_of_work() as db:
        row = sign_ups.find_by_token(db, token)
        provider, sign_in = _dress(db, row)
    if problem is not None:
        form.login.errors = [problem]
    status = 410 if row is None else 422 if problem is not None else 200
    return _quiet(
        render(
            "signin/sign_up_confirm.html",
            "signin/_state.html",
            status=status,
            form=form,
            row=row,
            title=_("Your sign-up") if row is not None else _("This link does not work"),
            provider=provider,
            action=url_for(".panel_confirm_sign_up", token=token),
            sign_in_url=sign_in,
            asks_login=problem is not None,
        )
    )


def _dress(db: Session, row: SignUp | None) -> tuple[str, str]:
    """The tenant's name and its clients' door; the page wears its colours."""
    enter_tenant(db, PANEL)
    if row is None:
        return "", PANEL.url("sign_in")
    reseller = resellers.get_reseller(db, row.reseller_id)
    brand = find_brand(db, reseller_id=reseller.id)
    if brand is not None:
        set_viewer(branded(Viewer(name="", area="public"), brand))
    code = None if reseller.portal_host else reseller.code
    return reseller.name, PANEL.url("sign_in", portal=code)


def _quiet(response: Response) -> Response:
    # the address of this page is a secret
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
