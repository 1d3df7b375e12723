"""Whose account a typed name may be, in one tenant or in all of them.

Rows of every tenant: `session` is one of the platform role.
"""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.db import Session
from core.errors import NotFoundError
from core.tenancy import Actor
from tenants.models import Client, ClientCompany, ClientLogin, PlatformUser, Reseller, User
from tenants.networks import is_allowed
from tenants.signed_in import is_trading
from tenants.signin_models import SecondFactor
from tenants.signin_sessions import Area

# of a name that many tenants know, so many accounts are tried; the others sign in at the address
# of their own tenant
MAX_ACCOUNTS = 3


@dataclass(frozen=True, slots=True)
class Account:
    """What a person signs in to; `email` is where its mail goes, empty if nobody knows.

    `is_suspended`: nothing but its suspended reseller keeps the person out.
    """

    area: Area
    subject_id: int
    reseller_id: int | None
    label: str
    name: str
    email: str
    locale: str
    password_hash: str | None
    is_open: bool
    has_factor: bool = False
    allowed_networks: tuple[str, ...] = ()
    is_suspended: bool = False

    def is_open_at(self, ip: str) -> bool:
        """Whether the person may sign in from this address."""
        return self.is_open and is_allowed(self.allowed_networks, ip)

    def at_address(self, email: str) -> "Account":
        """The same person as it was reached and signed in before its address changed."""
        return replace(self, email=email, label=email)

    @property
    def client_id(self) -> int | None:
        return self.subject_id if self.area == "panel" else None

    def actor(self, ip: str | None) -> Actor:
        """The person, as the audit log names it."""
        if self.area == "panel":
            return Actor("client", self.subject_id, self.label, ip)
        return Actor(
            "platform" if self.area == "platform" else "user", self.subject_id, self.label, ip
        )


def find_reseller(session: Session, *, host: str, code: str) -> Reseller | None:
    """The tenant that a sign-in page belongs to: by its own host name, else by its code."""
    by_host = session.scalar(select(Reseller).where(Reseller.portal_host == host.lower()))
    if by_host is not None or not code or "\0" in code:
        return by_host
    return session.scalar(select(Reseller).where(Reseller.code == code.lower()))


def list_accounts(
    session: Session, area: Area, name: str, reseller_id: int | None
) -> list[Account]:
    """Accounts with this login (panel) or address (staff), in one tenant or in all.

    Open and old ones first, at most `MAX_ACCOUNTS`. Area "office" includes the platform's staff
    where no tenant is named: they belong to none.
    """
    typed = name.strip().lower()
    # PostgreSQL takes no zero byte, and no account has one in its name
    if not typed or "\0" in typed:
        return []
    if area == "panel":
        condition = and_(
            func.lower(ClientLogin.login) == typed,
            _in_reseller(ClientLogin.reseller_id, reseller_id),
        )
        return _panel_accounts(session, condition)
    found = []
    if reseller_id is None:
        found = _platform_accounts(session, func.lower(PlatformUser.email) == typed)
    if area == "platform":
        return found
    of_tenant = and_(func.lower(User.email) == typed, _in_reseller(User.reseller_id, reseller_id))
    return [*found, *_office_accounts(session, of_tenant)][:MAX_ACCOUNTS]


def get_account(session: Session, area: Area, subject_id: int) -> Account:
    """The account of a person; raises NotFoundError, also for a panel that is switched off."""
    if area == "panel":
        found = _panel_accounts(session, ClientLogin.client_id == subject_id)
    elif area == "office":
        found = _office_accounts(session, User.id == subject_id)
    else:
        found = _platform_accounts(session, PlatformUser.id == subject_id)
    if not found:
        raise NotFoundError("Account not found.")
    return found[0]


def save_locale(session: Session, account: Account, locale: str) -> None:
    """The language in which the person reads pages and gets mail."""
    if account.area == "panel":
        row = insert(ClientCompany).values(
            client_id=account.subject_id, reseller_id=account.reseller_id, locale=locale
        )
        session.execute(
            row.on_conflict_do_update(index_elements=["client_id"], set_={"locale": locale})
        )
        return
    model = User if account.area == "office" else PlatformUser
    session.execute(update(model).where(model.id == account.subject_id).values(locale=locale))


def _in_reseller(column: SQLColumnExpression[int], reseller_id: int | None) -> ColumnElement[bool]:
    return column.is_not(None) if reseller_id is None else column == reseller_id


def _has_factor(area: Area, subject_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    return (
        select(SecondFactor.subject_id)
        .where(SecondFactor.area == area, SecondFactor.subject_id == subject_id)
        .exists()
    )


def _platform_accounts(session: Session, condition: ColumnElement[bool]) -> list[Account]:
    return [
        Account(
            area="platform",
            subject_id=user.id,
            reseller_id=None,
            label=user.email,
            name=user.name,
            email=user.email,
            locale=user.locale,
            password_hash=user.password_hash,
            is_open=user.status == "active",
            has_factor=has_factor,
        )
        for user, has_factor in session.execute(
            select(PlatformUser, _has_factor("platform", PlatformUser.id)).where(condition)
        )
    ]


def _office_accounts(session: Session, condition: ColumnElement[bool]) -> list[Account]:
    open_now = and_(User.status == "active", is_trading())
    rows = session.execute(
        select(User, open_now, _has_factor("office", User.id), ~is_trading())
        .join(Reseller, Reseller.id == User.reseller_id)
        .where(condition)
        .order_by(open_now.desc(), User.id)
        .limit(MAX_ACCOUNTS)
    )
    return [
        Account(
            area="office",
            subject_id=user.id,
            reseller_id=user.reseller_id,
            label=user.email,
            name=user.name,
            email=user.email,
            locale=user.locale,
            password_hash=user.password_hash,
            is_open=is_open,
            has_factor=has_factor,
            allowed_networks=tuple(user.allowed_networks),
            is_suspended=user.status == "active" and is_stopped,
        )
        for user, is_open, has_factor, is_stopped in rows
    ]


def _panel_accounts(session: Session, condition: ColumnElement[bool]) -> list[Account]:
    open_now = and_(Client.status != "deleted", is_trading())
    rows = session.execute(
        select(
            ClientLogin,
            Client.name,
            func.coalesce(
                func.nullif(ClientCompany.main_email, ""), ClientCompany.billing_email, ""
            ).label("email"),
            func.coalesce(func.nullif(ClientCompany.locale, ""), Reseller.locale).label("locale"),
            open_now.label("is_open"),
            _has_factor("panel", Client.id).label("has_factor"),
            and_(Client.status != "deleted", ~is_trading()).label("is_suspended"),
        )
        .join(Client, Client.id == ClientLogin.client_id)
        .join(Reseller, Reseller.id == ClientLogin.reseller_id)
        .outerjoin(ClientCompany, ClientCompany.client_id == Client.id)
        .where(ClientLogin.enabled, condition)
        .order_by(open_now.desc(), Client.id)
        .limit(MAX_ACCOUNTS)
    )
    return [
        Account(
            area="panel",
            subject_id=row.ClientLogin.client_id,
            reseller_id=row.ClientLogin.reseller_id,
            label=row.ClientLogin.login,
            name=row.name,
            email=row.email,
            locale=row.locale,
            password_hash=row.ClientLogin.password_hash,
            is_open=row.is_open,
            has_factor=row.has_factor,
            is_suspended=row.is_suspended,
        )
        for row in rows
    ]
