"""The blocks of a client's form that `tenants` owns: Company Info, Client Panel, Tags."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from core.addresses import checked_email
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from core.names import clean_line, clean_text
from tenants import audit, passwords
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Tag

TEXT_LENGTH = 500
TAG_LENGTH = 60
LOGIN_LENGTH = 100
_SEVERAL_LINES = frozenset({"address", "account_details"})


@dataclass(frozen=True, slots=True)
class Company:
    """The Company Info block."""

    company_name: str = ""
    main_email: str = ""
    noc_email: str = ""
    notify_factors_watcher: bool = False
    billing_email: str = ""
    rates_email: str = ""
    address: str = ""
    zip_code: str = ""
    tax_id: str = ""
    reg_id: str = ""
    account_details: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class PanelLogin:
    """The Client Panel block; `password` empty leaves the one in force."""

    enabled: bool = False
    login: str = ""
    password: str = ""


def checked_company(company: Company) -> Company:
    """The block as it is kept; raises InvalidInputError naming the field."""
    checked = Company(**{name: _cleaned(name, value) for name, value in asdict(company).items()})
    for name, value in asdict(checked).items():
        if isinstance(value, str) and len(value) > TEXT_LENGTH:
            raise InvalidInputError("Use at most 500 characters.", name)
    return replace(
        checked,
        main_email=checked_email(checked.main_email, "main_email"),
        noc_email=checked_email(checked.noc_email, "noc_email"),
        billing_email=checked_email(checked.billing_email, "billing_email"),
        rates_email=checked_email(checked.rates_email, "rates_email"),
    )


def save_company(session: Session, client: Client, company: Company) -> None:
    """Write the block; raises InvalidInputError at the field of a wrong address."""
    checked = checked_company(company)
    row = session.scalar(select(ClientCompany).where(ClientCompany.client_id == client.id))
    if row is None:
        row = ClientCompany(client_id=client.id, reseller_id=client.reseller_id)
        session.add(row)
    before = {name: getattr(row, name) for name in asdict(checked)}
    for name, value in asdict(checked).items():
        setattr(row, name, value)
    session.flush()
    _audit(session, client, before, asdict(checked))


def save_panel_login(session: Session, client: Client, wish: PanelLogin) -> bool:
    """Write the block; True when sessions of the old login must end.

    Raises InvalidInputError for a login taken in this reseller, or a weak or missing password.
    """
    row = session.scalar(select(ClientLogin).where(ClientLogin.client_id == client.id))
    if row is None:
        row = ClientLogin(client_id=client.id, reseller_id=client.reseller_id, enabled=False)
        session.add(row)
    login = clean_line(wish.login)
    if wish.enabled:
        _check_login(session, client, login)
        if not wish.password and row.password_hash is None:
            raise InvalidInputError("Enter a password.", "password")
    before = {"enabled": row.enabled, "login": row.login, "password": None}
    if row.enabled != wish.enabled:
        # switched by hand: nothing is left for a restore to switch
        row.restores = False
    row.enabled = wish.enabled
    row.login = login
    if wish.password:
        passwords.check_strength(wish.password, context=(login, client.name))
        row.password_hash = passwords.hash_password(wish.password)
        row.password_changed_at = now()
    session.flush()
    after = {"enabled": wish.enabled, "login": login, "password": wish.password or None}
    _audit(session, client, before, after)
    return bool(wish.password) or (bool(before["enabled"]) and not wish.enabled)


def save_signed_up_login(
    session: Session, client: Client, *, login: str, password_hash: str
) -> None:
    """The panel login of a new client that chose its password when it signed up.

    Raises InvalidInputError for a login taken in this reseller.
    """
    wanted = clean_line(login)
    _check_login(session, client, wanted)
    session.add(
        ClientLogin(
            client_id=client.id,
            reseller_id=client.reseller_id,
            enabled=True,
            login=wanted,
            password_hash=password_hash,
            password_changed_at=now(),
        )
    )
    session.flush()
    after = {"enabled": True, "login": wanted, "password": password_hash}
    _audit(session, client, {"enabled": False, "login": "", "password": None}, after)


def save_tags(session: Session, client: Client, names: Iterable[str]) -> None:
    """Give the client exactly these tags; the ones that do not exist yet are made."""
    wanted = clean_tags(names)
    before = sorted(list_tags(session, client.id))
    if sorted(wanted) == [name.lower() for name in before]:
        return
    session.execute(delete(ClientTag).where(ClientTag.client_id == client.id))
    if wanted:
        ids = make_tags(session, client.reseller_id, wanted)
        session.execute(
            insert(ClientTag),
            [
                {"client_id": client.id, "tag_id": tag_id, "reseller_id": client.reseller_id}
                for tag_id in ids
            ],
        )
    _audit(session, client, {"tags": before}, {"tags": sorted(wanted.values())})


def clean_tags(names: Iterable[str]) -> dict[str, str]:
    """Each name once, by its small letters; raises InvalidInputError for one that is too long."""
    wanted: dict[str, str] = {}
    for name in map(clean_line, names):
        if name:
            wanted.setdefault(name.lower(), name)
    if any(len(name) > TAG_LENGTH for name in wanted):
        raise InvalidInputError("A tag has at most 60 characters.", "tags")
    return wanted


def make_tags(session: Session, reseller_id: int, wanted: dict[str, str]) -> list[int]:
    """The ids of these tags of the reseller (as `clean_tags` gives them), made where missing."""
    session.execute(
        insert(Tag)
        .values([{"reseller_id": reseller_id, "name": name} for name in wanted.values()])
        .on_conflict_do_nothing()
    )
    return list(
        session.scalars(
            select(Tag.id).where(
                Tag.reseller_id == reseller_id, func.lower(Tag.name).in_(list(wanted))
            )
        )
    )


def list_tags(session: Session, client_id: int) -> list[str]:
    return list(
        session.scalars(
            select(Tag.name)
            .join(ClientTag, ClientTag.tag_id == Tag.id)
            .where(ClientTag.client_id == client_id)
            .order_by(Tag.name)
        )
    )


def get_company(session: Session, client_id: int) -> Company:
    """The block as saved; empty when it never was."""
    row = session.scalar(select(ClientCompany).where(ClientCompany.client_id == client_id))
    if row is None:
        return Company()
    return Company(**{name: getattr(row, name) for name in Company.__dataclass_fields__})


def get_panel_login(session: Session, client_id: int) -> PanelLogin:
    """The block as saved, without the password."""
    row = session.scalar(select(ClientLogin).where(ClientLogin.client_id == client_id))
    return PanelLogin() if row is None else PanelLogin(enabled=row.enabled, login=row.login)


def _cleaned(name: str, value: Any) -> Any:  # noqa: ANN401 (a field of the block)
    if not isinstance(value, str):
        return value
    return clean_text(value) if name in _SEVERAL_LINES else clean_line(value)


def _check_login(session: Session, client: Client, login: str) -> None:
    if not login:
        raise InvalidInputError("Enter a login.", "login")
    if len(login) > LOGIN_LENGTH:
        raise InvalidInputError("Use at most 100 characters.", "login")
    taken = session.scalar(
        select(ClientLogin.client_id).where(
            ClientLogin.reseller_id == client.reseller_id,
            func.lower(ClientLogin.login) == login.lower(),
            ClientLogin.enabled,
            ClientLogin.client_id != client.id,
        )
    )
    if taken is not None:
        raise InvalidInputError("Another client uses this login.", "login")


def _audit(
    session: Session, client: Client, before: dict[str, object], after: dict[str, object]
) -> None:
    changes = audit.differences(before, after)
    if changes:
        audit.record(
            session,
            reseller_id=client.reseller_id,
            client_id=client.id,
            action="update",
            object_type="client",
            object_id=client.id,
            object_label=client.name,
            changes=changes,
        )
