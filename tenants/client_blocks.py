"""The blocks of a client's form that `tenants` owns: Company Info, Client Panel, Tags."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from core.addresses import checked_email
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from tenants import audit, passwords
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Tag


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


def save_company(session: Session, client: Client, company: Company) -> None:
    """Write the block; raises InvalidInputError at the field of a wrong address."""
    checked = replace(
        company,
        main_email=checked_email(company.main_email, "main_email"),
        noc_email=checked_email(company.noc_email, "noc_email"),
        billing_email=checked_email(company.billing_email, "billing_email"),
        rates_email=checked_email(company.rates_email, "rates_email"),
    )
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
    login = wish.login.strip()
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


def save_tags(session: Session, client: Client, names: Iterable[str]) -> None:
    """Give the client exactly these tags; the ones that do not exist yet are made."""
    wanted = {name.lower(): name for name in (" ".join(n.split()) for n in names) if name}
    if any(len(name) > 60 for name in wanted):
        raise InvalidInputError("A tag has at most 60 characters.", "tags")
    before = sorted(list_tags(session, client.id))
    if sorted(wanted) == [name.lower() for name in before]:
        return
    if wanted:
        session.execute(
            insert(Tag)
            .values([{"reseller_id": client.reseller_id, "name": n} for n in wanted.values()])
            .on_conflict_do_nothing()
        )
    session.execute(delete(ClientTag).where(ClientTag.client_id == client.id))
    if wanted:
        ids = session.scalars(
            select(Tag.id).where(
                Tag.reseller_id == client.reseller_id, func.lower(Tag.name).in_(list(wanted))
            )
        )
        session.execute(
            insert(ClientTag),
            [
                {"client_id": client.id, "tag_id": tag_id, "reseller_id": client.reseller_id}
                for tag_id in ids
            ],
        )
    _audit(session, client, {"tags": before}, {"tags": sorted(wanted.values())})


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


def _check_login(session: Session, client: Client, login: str) -> None:
    if not login:
        raise InvalidInputError("Enter a login.", "login")
    if len(login) > 100:
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
