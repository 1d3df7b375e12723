"""The fixed cast: tenants Acme (with Acme West beneath it) and Globex, their people and clients."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text

from billing import client_billing, invoice_templates, payment_accounts
from billing.models import ClientBalance, ClientBilling
from core.db import Session
from core.ids import new_id
from core.names import sort_key
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from payments import auto_payment
from payments.models import ClientAutoPayment
from tenants import client_blocks, clients, passwords, resellers
from tenants.client_blocks import Company, PanelLogin
from tenants.clients import General
from tenants.models import Client as ClientRow
from tenants.models import ClientCompany, ClientLogin, PlatformUser, Reseller, Role, User
from tenants.permissions import ALL_PERMISSIONS, VIEWER_PERMISSIONS

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Tenant:
    """A reseller with its owner and viewer; `scope` is the owner's."""

    id: int
    name: str
    code: str
    family: tuple[int, ...]
    owner_id: int
    owner_email: str
    viewer_id: int
    viewer_email: str

    @property
    def scope(self) -> Scope:
        return Scope(self.family, actor=Actor("user", self.owner_id, self.owner_email))


@dataclass(frozen=True)
class Client:
    """A client and its panel login."""

    id: int
    reseller_id: int
    name: str
    login: str

    @property
    def panel_scope(self) -> Scope:
        return Scope(
            (self.reseller_id,),
            realm="panel",
            client_id=self.id,
            actor=Actor("client", self.id, self.login),
        )


def make_tenant(
    name: str,
    code: str,
    *,
    currency: str = "USD",
    timezone: str = "America/New_York",
    parent_id: int | None = None,
) -> Tenant:
    """A reseller with roles, an owner who may do all and a viewer who may only read."""
    with platform_unit_of_work() as session:
        parent = None if parent_id is None else session.get(Reseller, parent_id)
        reseller = resellers.create_reseller(
            session,
            name=name,
            code=code,
            currency_code=currency,
            timezone=timezone,
            parent=parent,
            company_name=f"{name} Telecom",
            email=f"office@{code}.example",
        )
        payment_accounts.create_general(session, reseller.id)
        invoice_templates.create_standard(session, reseller.id)
        owner = _make_user(session, reseller.id, "Owner", f"owner@{code}.example", ALL_PERMISSIONS)
        viewer = _make_user(
            session, reseller.id, "Viewer", f"viewer@{code}.example", VIEWER_PERMISSIONS
        )
        family = resellers.list_family(session, reseller.id)
        return Tenant(
            reseller.id, name, code, family, owner.id, owner.email, viewer.id, viewer.email
        )


def _make_user(
    session: Session, reseller_id: int, name: str, email: str, permissions: frozenset[str]
) -> User:
    role = Role(reseller_id=reseller_id, name=name, permissions=sorted(permissions))
    session.add(role)
    session.flush()
    user = User(
        reseller_id=reseller_id,
        role_id=role.id,
        email=email,
        name=f"{name} of {email.partition('@')[2]}",
        password_hash=passwords.hash_password(PASSWORD),
    )
    session.add(user)
    session.flush()
    return user


def make_platform_user(email: str = "admin@platform.example", role: str = "admin") -> int:
    """Platform staff; the same address is made once."""
    with platform_unit_of_work() as session:
        found = session.scalar(
            select(PlatformUser.id).where(func.lower(PlatformUser.email) == email)
        )
        if found is not None:
            return found
        user = PlatformUser(
            email=email,
            name="Platform Admin",
            role=role,
            password_hash=passwords.hash_password(PASSWORD),
        )
        session.add(user)
        session.flush()
        return user.id


def make_client(
    tenant: Tenant,
    name: str,
    *,
    login: str = "",
    currency: str = "USD",
    timezone: str = "America/New_York",
    status: str = "active",
    request_id: UUID | None = None,
    company: Company | None = None,
    billing: client_billing.Billing | None = None,
    auto: auto_payment.AutoPayment | None = None,
) -> Client:
    """A client of the tenant, through the functions that the form uses."""
    with tenant_scope(tenant.scope), unit_of_work() as session:
        client = clients.create_client(
            session,
            request_id=request_id or new_id(),
            reseller_id=tenant.id,
            general=General(name, currency, timezone, status),
        )
        client_blocks.save_company(
            session,
            client,
            company
            or Company(
                company_name=f"{name} Ltd", billing_email=f"{login or 'bills'}@client.example"
            ),
        )
        client_blocks.save_panel_login(
            session, client, PanelLogin(bool(login), login, PASSWORD if login else "")
        )
        client_billing.save_billing(session, client, billing or client_billing.Billing())
        auto_payment.save_auto_payment(session, client, auto or auto_payment.AutoPayment())
        return Client(client.id, tenant.id, name, login)


_BLOCKS = (ClientBalance, ClientBilling, ClientCompany, ClientLogin, ClientAutoPayment)


def make_clients(tenant: Tenant, names: Sequence[str]) -> list[int]:
    """Clients as `make_client` makes them, in this order; all but the first copied row by row.

    A copy has no audit records, for nobody made it.
    """
    first = make_client(tenant, names[0])
    own = {"id", "request_id", "name", "name_key"}
    shared = ", ".join(c.name for c in ClientRow.__table__.columns if c.name not in own)
    with tenant_scope(tenant.scope), unit_of_work() as session:
        made = session.scalars(
            text(
                f"insert into clients (request_id, name, name_key, {shared})"
                f" select gen_random_uuid(), one.name, one.key, {shared} from clients,"
                " unnest(cast(:names as text[]), cast(:keys as text[]))"
                " with ordinality one(name, key, place)"
                " where id = :first order by one.place returning id"
            ),
            {
                "first": first.id,
                "names": list(names[1:]),
                "keys": [sort_key(name) for name in names[1:]],
            },
        )
        ids = sorted(made)
        for block in _BLOCKS:
            columns = [c.name for c in block.__table__.columns if c.computed is None]
            # the ledger alone writes sums, and there is nothing to sum yet
            of_block = ", ".join(
                f"b.{name}" for name in columns if name not in ("client_id", "live", "fixed")
            )
            session.execute(
                text(
                    f"insert into {block.__tablename__} (client_id, "
                    + of_block.replace("b.", "")
                    + f") select copied.id, {of_block} from {block.__tablename__} b,"
                    " unnest(cast(:ids as bigint[])) copied(id) where b.client_id = :first"
                ),
                {"first": first.id, "ids": ids},
            )
        session.execute(
            text(
                "update client_companies set company_name = clients.name || ' Ltd' from clients"
                " where clients.id = client_id and client_id = any(:ids)"
            ),
            {"ids": ids},
        )
    return [first.id, *ids]
