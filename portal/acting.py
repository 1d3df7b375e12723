"""Staff signed in as somebody beneath: cookies, banner, and what is never done in another's name.

Such a session has a cookie of its own and counts only together with the staff's own cookie, whose
session is its parent. It is used for the addresses of its own area; the staff's other pages go on.
"""

from dataclasses import dataclass
from typing import Literal

from flask import Request, current_app, request
from werkzeug.wrappers import Response

from core.clock import now
from core.db import Session
from core.errors import NotAllowedError
from portal.csrf import SAFE_METHODS
from portal.viewer import ActingAs
from tenants import signed_in
from tenants.signed_in import Identity
from tenants.signin_sessions import ACTING_FOR

Where = Literal["office", "panel"]
_COOKIES: dict[Where, str] = {"office": "acting_office", "panel": "acting_panel"}
_PREFIXES: dict[Where, str] = {"office": "/office", "panel": "/clients"}

ONLY_LOOKING = (
    "You are signed in as somebody else and may only look. Switch to changing in the banner first."
)
NOT_FOR_ANOTHER = (
    "This is not done in another person's name: passwords, second factors, users, roles, cards and"
    " payments."
)
# in no mode: the whole of it, or only what writes
_NEVER_ENDPOINTS = frozenset(
    {
        "signin.panel_account",
        "signin.panel_second_step",
        "signin.panel_second_factor_set_up",
        "signin.panel_renew_recovery_codes",
        "signin.panel_disable_second_factor",
        "panel_cards.come_back",
        "panel_refill.come_back",
        # a list of PINs is as good as money
        "office_vouchers.take_pins",
    }
)
_NEVER_WRITING = frozenset(
    {
        "signin",
        "office_users",
        "office_roles",
        "office_sign_in_as",
        "office_gateways",
        "panel_cards",
        "panel_refill",
        "panel_vouchers",
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """`identity` None: there is a cookie and its session is over."""

    identity: Identity | None
    where: Where


def place_of(path: str) -> Where | None:
    """Which area's acting session counts at this address."""
    for where, prefix in _PREFIXES.items():
        if path == prefix or path.startswith(prefix + "/"):
            return where
    return None


def cookie_name(where: Where) -> str:
    prefix: str = current_app.config["SIGN_IN_COOKIE_PREFIX"]
    return prefix + _COOKIES[where]


def has_cookie(incoming: Request) -> bool:
    where = place_of(incoming.path)
    return where is not None and cookie_name(where) in incoming.cookies


def find(session: Session, incoming: Request, by: Identity | None) -> Found | None:
    """The acting session for this address; None where no cookie of one was sent."""
    where = place_of(incoming.path)
    if where is None:
        return None
    token = incoming.cookies.get(cookie_name(where))
    if not token:
        return None
    if by is None or by.factor == "asked":
        return Found(None, where)
    identity = signed_in.find_acting(session, token, by)
    is_here = identity is not None and identity.area == where
    return Found(identity if is_here else None, where)


def set_cookie(response: Response, where: Where, token: str) -> None:
    response.set_cookie(
        cookie_name(where),
        token,
        max_age=ACTING_FOR,
        secure=current_app.config["SIGN_IN_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def clear_cookie(response: Response, where: Where) -> None:
    response.delete_cookie(
        cookie_name(where),
        secure=current_app.config["SIGN_IN_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )


def refuse_in_anothers_name(identity: Identity) -> None:
    """Raises NotAllowedError for what staff signed in as another may not do now, or never."""
    if identity.acting is None:
        return
    is_write = request.method not in SAFE_METHODS
    if request.endpoint in _NEVER_ENDPOINTS or (is_write and request.blueprint in _NEVER_WRITING):
        raise NotAllowedError(NOT_FOR_ANOTHER)
    if is_write and not identity.acting.may_write:
        raise NotAllowedError(ONLY_LOOKING)


def is_only_looking(identity: Identity) -> bool:
    return identity.acting is not None and not identity.acting.may_write


def banner_of(identity: Identity) -> ActingAs | None:
    """What every page says above all else while staff are signed in as another."""
    acting = identity.acting
    if acting is None:
        return None
    left = (acting.until - now()).total_seconds()
    return ActingAs(
        by=acting.by_name,
        name=identity.name,
        detail=identity.reseller_name if identity.area == "office" else identity.login,
        until=acting.until,
        minutes_left=max(1, int(left + 59) // 60),
        may_switch=acting.may_switch,
        may_write=acting.may_write,
        end_endpoint=f"acting.{identity.area}_end",
        writing_endpoint=f"acting.{identity.area}_writing",
    )
