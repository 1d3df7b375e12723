"""Self sign-up: who may ask to become a client, the mailed link, and what staff decide.

Who asks is nobody yet: asking and confirming run with the platform's role, in no tenant's scope.
Whether an address or a login is known already is told by mail only, to who reads the address.
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from core import jobs
from core.addresses import checked_email
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, LimitError, NotFoundError
from core.names import clean_line
from core.tenancy import current_actor
from core.zones import get_zone
from tenants import audit, events, passwords
from tenants.client_blocks import LOGIN_LENGTH
from tenants.clients import NAME_LENGTH
from tenants.events import EventText
from tenants.models import Client, ClientCompany, ClientLogin, Reseller
from tenants.sign_up_models import SignUp
from tenants.sign_up_rules import Rules, find_open_rules
from tenants.signed_in import is_trading
from tenants.signin_sessions import hash_token

JOB = "payments.make_signed_up_client"
LIFETIME = timedelta(hours=48)
"""How long the mailed link works; then the wish is forgotten."""
_DAY = timedelta(days=1)
_ADDRESS = re.compile(
    r"://|www\.|\.[a-z]{2,}/|[\w-]{2,}\.(com|net|org|info|biz|io|me|ru|cn|xyz|top|site|shop|online)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody says of itself; the password is kept as its hash only."""

    name: str
    email: str
    login: str
    password: str
    company_name: str = ""
    country: str = ""
    timezone: str = ""
    locale: str = ""
    has_accepted: bool = False


def checked_wish(session: Session, reseller: Reseller, rules: Rules, wish: Wish) -> Wish:
    """The wish as it is kept; raises InvalidInputError naming the field."""
    name, login = clean_line(wish.name), clean_line(wish.login)
    if not name or _ADDRESS.search(name):
        # the letter to an address that nobody has proven says it: no advertisement by our mail
        raise InvalidInputError("Enter your name.", "name")
    for field, text, most in (
        ("name", name, NAME_LENGTH),
        ("company_name", clean_line(wish.company_name), NAME_LENGTH),
        ("login", login, LOGIN_LENGTH),
    ):
        if len(text) > most:
            raise InvalidInputError("Use at most %(count)s characters.", field, count=most)
    email = checked_email(wish.email, "email")
    if not email:
        raise InvalidInputError("Enter your e-mail address.", "email")
    domain = email.rpartition("@")[2].lower()
    if rules.domains and domain not in rules.domains:
        raise InvalidInputError("Addresses of this domain cannot sign up here.", "email")
    if not login:
        raise InvalidInputError("Enter a login.", "login")
    if rules.terms_url and not wish.has_accepted:
        raise InvalidInputError("Please accept the terms.", "has_accepted")
    passwords.check_strength(wish.password, context=(login, name, email))
    return replace(
        wish,
        name=name,
        login=login,
        email=email,
        company_name=clean_line(wish.company_name),
        timezone=get_zone(wish.timezone or reseller.timezone).key,
        locale=wish.locale or reseller.locale,
    )


def check_cap(session: Session, reseller_id: int, rules: Rules) -> None:
    """Raises LimitError, and tells the staff once a day, when enough have asked since yesterday."""
    asked = session.scalar(
        select(func.count())
        .select_from(SignUp)
        .where(SignUp.reseller_id == reseller_id, SignUp.created_at > now() - _DAY)
    )
    if (asked or 0) >= rules.daily_cap:
        raise LimitError("Nobody else can sign up today. Please come back tomorrow.")


def tell_cap(session: Session, reseller_id: int) -> None:
    """The staff may want to know that people were turned away."""
    events.record(
        session,
        reseller_id=reseller_id,
        level="warning",
        service="clients",
        code="sign_up_cap",
        text=EventText("The daily cap of sign-ups is reached; others are turned away."),
        dedupe_key=f"sign_up_cap:{now():%Y-%m-%d}",
    )


def is_known_address(session: Session, reseller_id: int, email: str) -> bool:
    """Whether a client has this address, or somebody with it waits to become one."""
    typed = email.lower()
    client = session.scalar(
        select(Client.id)
        .join(ClientCompany, ClientCompany.client_id == Client.id)
        .join(ClientLogin, ClientLogin.client_id == Client.id)
        .where(
            Client.reseller_id == reseller_id,
            Client.status != "deleted",
            ClientLogin.enabled,
            or_(
                func.lower(ClientCompany.main_email) == typed,
                func.lower(ClientCompany.billing_email) == typed,
            ),
        )
        .limit(1)
    )
    waiting = session.scalar(
        select(SignUp.id)
        .where(
            SignUp.reseller_id == reseller_id,
            func.lower(SignUp.email) == typed,
            SignUp.state.in_(("waiting", "making")),
        )
        .limit(1)
    )
    return client is not None or waiting is not None


def create_sign_up(
    session: Session,
    *,
    sign_up_id: UUID,
    reseller_id: int,
    wish: Wish,
    password_hash: str,
    token: str,
    terms_url: str,
    ip: str,
) -> bool:
    """Write a checked wish down; False when this drawn form was sent before."""
    at = now()
    made = session.scalar(
        insert(SignUp)
        .values(
            id=sign_up_id,
            reseller_id=reseller_id,
            token_hash=hash_token(token),
            name=wish.name,
            company_name=wish.company_name,
            email=wish.email,
            login=wish.login,
            password_hash=password_hash,
            country=wish.country,
            timezone=wish.timezone,
            locale=wish.locale,
            terms_url=terms_url,
            ip=ip[:64],
            created_at=at,
            expires_at=at + LIFETIME,
        )
        .on_conflict_do_nothing()
        .returning(SignUp.id)
    )
    return made is not None


def find_by_token(session: Session, token: str) -> SignUp | None:
    """Whose link it is, locked; None for an unknown one and for one that is too old."""
    row = session.scalar(
        select(SignUp)
        .join(Reseller, Reseller.id == SignUp.reseller_id)
        .where(SignUp.token_hash == hash_token(token), is_trading())
        .with_for_update(of=SignUp)
        .execution_options(populate_existing=True)
    )
    if row is None or (row.state == "unconfirmed" and row.expires_at <= now()):
        return None
    return row


def is_free_login(session: Session, sign_up: SignUp, login: str) -> bool:
    """Whether no client has it, and nobody who confirmed before waits for it."""
    typed = login.lower()
    client = select(ClientLogin.client_id).where(
        ClientLogin.reseller_id == sign_up.reseller_id,
        func.lower(ClientLogin.login) == typed,
        ClientLogin.enabled,
    )
    waiting = select(SignUp.id).where(
        SignUp.reseller_id == sign_up.reseller_id,
        SignUp.id != sign_up.id,
        func.lower(SignUp.login) == typed,
        SignUp.state.in_(("waiting", "making")),
    )
    return session.scalar(client.limit(1)) is None and session.scalar(waiting.limit(1)) is None


def confirm(session: Session, sign_up: SignUp, *, login: str = "") -> None:
    """The address is proven: the client is made, or waits for approval; again changes nothing.

    Other wishes with the same address end. Raises InvalidInputError for a login that is taken,
    NotFoundError where nobody can sign up any more.
    """
    if sign_up.state != "unconfirmed":
        return
    rules = find_open_rules(session, sign_up.reseller_id)
    if rules is None:
        raise NotFoundError("Nobody can sign up here at present.")
    wanted = clean_line(login) or sign_up.login
    if len(wanted) > LOGIN_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "login", count=LOGIN_LENGTH)
    if not is_free_login(session, sign_up, wanted):
        raise InvalidInputError("This login is taken. Choose another.", "login")
    sign_up.login = wanted
    sign_up.state = "waiting" if rules.mode == "approval" else "making"
    sign_up.confirmed_at = now()
    session.flush()
    session.execute(
        delete(SignUp)
        .where(
            SignUp.reseller_id == sign_up.reseller_id,
            func.lower(SignUp.email) == sign_up.email.lower(),
            SignUp.state == "unconfirmed",
        )
        .execution_options(synchronize_session=False)
    )
    if sign_up.state == "making":
        ask_to_make(session, sign_up)
    else:
        tell_waiting(session, sign_up)


def ask_to_make(session: Session, sign_up: SignUp) -> None:
    """Have a worker make the client."""
    jobs.enqueue(session, JOB, reseller_id=sign_up.reseller_id, sign_up_id=str(sign_up.id))


def tell_waiting(session: Session, sign_up: SignUp) -> None:
    """The staff have something to decide."""
    events.record(
        session,
        reseller_id=sign_up.reseller_id,
        level="info",
        service="clients",
        code="sign_up_waiting",
        text=EventText("%(name)s has signed up and waits for your approval.", name=sign_up.name),
        object_type="sign_up",
        object_id=sign_up.id,
        dedupe_key=f"sign_up_waiting:{sign_up.id}:{sign_up.problem}",
    )


def get_sign_up(session: Session, sign_up_id: UUID) -> SignUp:
    """Raises NotFoundError, also for one of another tenant."""
    row = session.scalar(select(SignUp).where(SignUp.id == sign_up_id))
    if row is None:
        raise NotFoundError("Sign-up not found.")
    return row


def lock_sign_up(session: Session, sign_up_id: UUID) -> SignUp:
    """Raises NotFoundError, also for one of another tenant."""
    row = session.scalar(
        select(SignUp)
        .where(SignUp.id == sign_up_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFoundError("Sign-up not found.")
    return row


def approve(session: Session, sign_up_id: UUID, *, login: str = "") -> SignUp:
    """Let the client be made; approving again changes nothing.

    Raises NotFoundError, InvalidInputError for a login that is taken, ConflictError for one that
    does not wait.
    """
    row = lock_sign_up(session, sign_up_id)
    if row.state in ("making", "done"):
        return row
    _require_waiting(row)
    wanted = clean_line(login) or row.login
    if not is_free_login(session, row, wanted):
        raise InvalidInputError("Another client uses this login.", "login")
    row.login = wanted
    row.state, row.problem = "making", ""
    _decide(session, row, "approve")
    ask_to_make(session, row)
    return row


def refuse(session: Session, sign_up_id: UUID, *, reason: str) -> bool:
    """Turn somebody away; False when that was done before. Raises NotFoundError, ConflictError."""
    row = lock_sign_up(session, sign_up_id)
    if row.state == "refused":
        return False
    _require_waiting(row)
    row.state, row.problem = "refused", ""
    row.reason = clean_line(reason)[:500]
    row.password_hash = ""
    _decide(session, row, "refuse")
    return True


def record_made(session: Session, row: SignUp, client_id: int) -> None:
    """The client is there; what is known of it stands there from now on."""
    row.state, row.client_id, row.problem = "done", client_id, ""
    row.password_hash, row.ip = "", ""
    session.flush()


def record_problem(session: Session, row: SignUp, problem: str) -> None:
    """No client could be made: a person must look, so it waits as if for approval."""
    row.state, row.problem = "waiting", problem
    session.flush()
    tell_waiting(session, row)


def delete_expired(session: Session) -> int:
    """Forget wishes that nobody confirmed in time, of every tenant; how many."""
    return len(
        session.execute(
            delete(SignUp)
            .where(SignUp.state == "unconfirmed", SignUp.expires_at <= now())
            .returning(SignUp.id)
            .execution_options(synchronize_session=False)
        ).all()
    )


def delete_of_client(session: Session, client_id: int) -> None:
    """What a client wrote when it signed up goes with it."""
    session.execute(
        delete(SignUp)
        .where(SignUp.client_id == client_id)
        .execution_options(synchronize_session=False)
    )


def list_unmade(session: Session, *, limit: int) -> list[tuple[UUID, int]]:
    """Whose job seems lost, of every tenant, with their resellers."""
    rows = session.execute(
        select(SignUp.id, SignUp.reseller_id)
        .where(SignUp.state == "making", SignUp.confirmed_at <= now() - timedelta(seconds=20))
        .order_by(SignUp.confirmed_at)
        .limit(limit)
    )
    return [(row.id, row.reseller_id) for row in rows]


def _require_waiting(row: SignUp) -> None:
    if row.state != "waiting":
        raise ConflictError("This sign-up does not wait for a decision.")


def _decide(session: Session, row: SignUp, action: str) -> None:
    row.decided_at, row.decided_by = now(), current_actor().label
    session.flush()
    audit.record(
        session,
        reseller_id=row.reseller_id,
        action=action,
        object_type="sign_up",
        object_id=row.id,
        object_label=row.name,
        changes={"status": ("waiting", row.state), "reason": (None, row.reason)},
    )
