"""What an attempt is counted under, and browsers that have signed in before.

A stranger can make an account slow for strangers only: a browser that has once signed in to it
carries a signed cookie and is counted by itself.
"""

from dataclasses import dataclass

from flask import current_app, request
from flask_babel import ngettext
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from core.ids import new_token
from portal.sessions import cookie_prefix
from portal.signin.doors import Door
from tenants.signin_sessions import hash_token
from tenants.signin_throttle import MAILS, PAIR, PERSON, PLACE, Key, make_key, place_of

REMEMBERED_ACCOUNTS = 5
REMEMBERED_FOR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Attempt:
    """`own`: forgiven when the attempt was right; `shared`: only that one attempt is uncounted."""

    own: tuple[Key, ...]
    shared: tuple[Key, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        return (*self.own, *self.shared)


def client_ip() -> str:
    return request.remote_addr or ""


def sign_in_attempt(door: Door, name: str, reseller_id: int | None) -> Attempt:
    """Counted for this browser alone if it knows the account, else for person and place."""
    account = _account(door, name, reseller_id)
    device_id, known = _read_device()
    if account in known:
        return Attempt((make_key("sign_in_device", device_id, account, limit=PAIR),))
    place = place_of(client_ip())
    return Attempt(
        (make_key("sign_in_pair", account, place, limit=PAIR),),
        (
            make_key("sign_in_place", place, limit=PLACE),
            make_key("sign_in_person", account, limit=PERSON),
        ),
    )


def reset_request_attempt(door: Door, name: str, reseller_id: int | None) -> Attempt:
    """A mail asked for; never forgiven, as every mail is one."""
    return Attempt(
        (),
        (
            make_key("reset_person", _account(door, name, reseller_id), limit=MAILS),
            make_key("reset_place", place_of(client_ip()), limit=PLACE),
        ),
    )


def reset_link_attempt() -> Attempt:
    """A link opened or used."""
    return Attempt((), (make_key("reset_link", place_of(client_ip()), limit=PLACE),))


def sign_up_attempt(email: str, reseller_id: int) -> Attempt:
    """Somebody asks to become a client; never forgiven, as every one may cause a mail."""
    return Attempt(
        (),
        (
            make_key("sign_up_person", reseller_id, email.strip().lower(), limit=MAILS),
            make_key("sign_up_place", place_of(client_ip()), limit=PLACE),
        ),
    )


def own_password_attempt(area: str, subject_id: int) -> Attempt:
    """The present password asked for inside a session, which may be a stolen one."""
    return Attempt((make_key("own_password", area, subject_id, limit=PAIR),))


def second_step_attempt(area: str, subject_id: int) -> Attempt:
    """A code, asked for after the password: nobody else can use the person's tries up."""
    return Attempt((make_key("second_step", area, subject_id, limit=PAIR),))


def remember_device(response: Response, door: Door, name: str, *reseller_ids: int | None) -> None:
    """Let this browser be counted by itself for this account from now on.

    One for each way to name its tenant at the door; None: without naming it.
    """
    device_id, known = _read_device()
    new = [_account(door, name, reseller_id) for reseller_id in reseller_ids]
    accounts = [*new, *(one for one in known if one not in new)][:REMEMBERED_ACCOUNTS]
    response.set_cookie(
        _cookie_name(),
        _signer().dumps({"id": device_id or new_token(), "accounts": accounts}),
        max_age=REMEMBERED_FOR_S,
        secure=current_app.config["SIGN_IN_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def wait_text(seconds: int) -> str:
    """How long to wait, for people."""
    minutes = -(-seconds // 60)
    text: str = (
        ngettext(
            "Too many attempts. Please try again in %(num)d second.",
            "Too many attempts. Please try again in %(num)d seconds.",
            seconds,
        )
        if seconds < 120
        else ngettext(
            "Too many attempts. Please try again in %(num)d minute.",
            "Too many attempts. Please try again in %(num)d minutes.",
            minutes,
        )
    )
    return text


def _account(door: Door, name: str, reseller_id: int | None) -> str:
    typed = f"{door.realm}\0{reseller_id or ''}\0{name.strip().lower()}"
    return hash_token(typed).hex()[:32]


def _read_device() -> tuple[str, list[str]]:
    cookie = request.cookies.get(_cookie_name())
    if not cookie:
        return "", []
    try:
        content = _signer().loads(cookie)
    except BadSignature:
        return "", []
    return str(content["id"]), [str(one) for one in content["accounts"]]


def _cookie_name() -> str:
    return cookie_prefix() + "device"


def _signer() -> URLSafeSerializer:
    secret = current_app.secret_key
    assert secret is not None
    return URLSafeSerializer(secret, salt="known-device")
