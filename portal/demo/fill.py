"""Fills an empty installation with the demo, or goes on where an earlier fill was ended.

Every id is derived from the plan, so each step may be repeated; nothing is written twice.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select

from billing import (
    currencies,
    exchange_rates,
    invoice_templates,
    ledger_check,
    payment_accounts,
    payment_terms,
    tax_profiles,
)
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import ConflictError
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from payments import gateway_accounts
from portal.demo import client_packages
from portal.demo.client_cards import fill_cards, give_back
from portal.demo.client_history import Setup, fill_client
from portal.demo.plan import PASSWORD, RESELLERS, ClientPlan, ResellerPlan, plan_clients
from portal.demo.reseller_offers import open_door, sell_vouchers
from portal.demo.sandbox import SandboxGateway, open_sandbox
from tenants import resellers, staff
from tenants.models import PlatformUser, Reseller, User
from tenants.permissions import ALL_PERMISSIONS, VIEWER_PERMISSIONS, Permission

MARKER = "demo.json"
PlanClients = Callable[[ResellerPlan], Iterable[ClientPlan]]
_log = structlog.get_logger(__name__)
_MANAGER_PERMISSIONS = ALL_PERMISSIONS - {Permission.CLIENTS_FULL_DELETE, Permission.AUDIT_READ}
_STAFF = (
    ("Owner", "Olivia Hart", "owner", ALL_PERMISSIONS),
    ("Billing manager", "Marek Nowak", "billing", _MANAGER_PERMISSIONS),
    ("Viewer", "Vera Lindqvist", "viewer", VIEWER_PERMISSIONS),
)
# what a euro costs in the own currencies of the demo, roughly
_EURO_IN = {"USD": "1.0852", "GBP": "0.8541", "JPY": "163.2", "CHF": "0.9387", "INR": "97.4"}
_PLATFORM_STAFF = (("Paula Admin", "admin"), ("Victor Viewer", "viewer"))


@dataclass(frozen=True, slots=True)
class _Tenant:
    plan: ResellerPlan
    reseller_id: int
    scope: Scope
    setup: Setup


def fill(settings: Settings, *, clients_of: PlanClients = plan_clients) -> None:
    """Make all of the demo; raises ConflictError in a database that holds other tenants.

    `clients_of` may answer fewer clients of a reseller than the plan has.
    """
    if is_filled(settings):
        return
    make_tenants(settings)
    for plan in RESELLERS:
        fill_clients(settings, plan, clients_of(plan))
    finish(settings)


def is_filled(settings: Settings) -> bool:
    """Whether an earlier fill came to its end, in the database that stands now."""
    if not (settings.var_dir / MARKER).exists():
        return False
    with platform_unit_of_work() as session:
        return bool(session.scalar(select(func.count()).select_from(Reseller)))


def make_tenants(settings: Settings) -> None:
    """The platform's staff and every reseller without its clients; raises ConflictError."""
    _refuse_foreign_data()
    _make_platform_staff()
    for plan in RESELLERS:
        with _gateway(settings, plan) as gateway:
            _make_tenant(settings, gateway, plan)


def fill_clients(settings: Settings, plan: ResellerPlan, plans: Iterable[ClientPlan]) -> None:
    """The clients of a reseller that `make_tenants` has made, with all their history."""
    with _gateway(settings, plan) as gateway:
        tenant = _make_tenant(settings, gateway, plan)
        with tenant_scope(tenant.scope):
            for client in plans:
                client_id = fill_client(tenant.plan, tenant.setup, client)
                if client.card_zip is not None:
                    fill_cards(settings, gateway, tenant.plan, client, client_id)
            if plan.is_retail:
                sell_vouchers(plan, tenant.reseller_id)
                open_door(plan, tenant.reseller_id)
            _prove_books(tenant)
    _log.info("demo.reseller_filled", reseller=plan.code)


def finish(settings: Settings) -> None:
    """Give a card payment of each back, and leave the sign-ins: the demo counts as filled now."""
    for plan in RESELLERS:
        with _gateway(settings, plan) as gateway:
            tenant = _make_tenant(settings, gateway, plan)
        with tenant_scope(tenant.scope):
            give_back(plan)
    _write_logins(settings.var_dir / MARKER)


def _gateway(settings: Settings, plan: ResellerPlan) -> closing[SandboxGateway]:
    return closing(open_sandbox(settings, plan))


def _prove_books(tenant: _Tenant) -> None:
    with unit_of_work() as session:
        ledger_check.check_ledger(session, tenant.reseller_id)


def describe(settings: Settings) -> dict[str, Any]:
    """Addresses and sign-ins of the demo; raises ConflictError when it was never filled."""
    marker = settings.var_dir / MARKER
    try:
        logins = json.loads(marker.read_text())["logins"]
    except FileNotFoundError:
        raise ConflictError(
            "There is no demo here: `make run` makes one in an empty database."
        ) from None
    base = settings.base_url
    return {
        "urls": {
            "office": f"{base}/login",
            "platform": f"{base}/login",
            "panel": f"{base}/clients/",
            **settings.sandbox_addresses,
            "metrics": f"{base}/metrics",
        },
        "logins": logins,
    }


def _refuse_foreign_data() -> None:
    with platform_unit_of_work() as session:
        known = {plan.code for plan in RESELLERS}
        foreign = set(session.scalars(select(Reseller.code))) - known
    if foreign:
        raise ConflictError("The demo is for an empty database; this one holds other resellers.")


def _make_platform_staff() -> None:
    with platform_unit_of_work() as session:
        known = set(session.scalars(select(PlatformUser.email)))
        for name, role in _PLATFORM_STAFF:
            email = f"{role}@platform.example"
            if email not in known:
                staff.create_platform_user(
                    session, email=email, name=name, role=role, password=PASSWORD
                )


def _make_tenant(settings: Settings, gateway: SandboxGateway, plan: ResellerPlan) -> _Tenant:
    with platform_unit_of_work() as session:
        reseller = session.scalar(select(Reseller).where(Reseller.code == plan.code))
        if reseller is None:
            reseller = _create_reseller(session, plan)
        owner = session.scalars(
            select(User).where(User.reseller_id == reseller.id).order_by(User.id)
        ).first()
        assert owner is not None
        family = resellers.list_family(session, reseller.id)
        scope = Scope(family, actor=Actor("user", owner.id, owner.email))
        reseller_id = reseller.id
    with tenant_scope(scope), unit_of_work() as session:
        setup = _make_setup(session, settings, gateway, plan, reseller_id)
    return _Tenant(plan, reseller_id, scope, setup)


def _create_reseller(session: Session, plan: ResellerPlan) -> Reseller:
    parent = None
    if plan.parent is not None:
        parent = session.scalars(select(Reseller).where(Reseller.code == plan.parent)).one()
    reseller = resellers.create_reseller(
        session,
        name=plan.name,
        code=plan.code,
        currency_code=plan.currency,
        timezone=plan.timezone,
        parent=parent,
        locale=plan.locale,
        company_name=f"{plan.name} Inc." if plan.currency == "USD" else plan.name,
        address=plan.address,
        tax_id=plan.tax_id,
        account_details="IBAN and routing numbers stand on request",
        email=f"office@{plan.code}.example",
        mail_from=f"billing@{plan.code}.example",
    )
    payment_accounts.create_general(session, reseller.id)
    invoice_templates.create_standard(session, reseller.id)
    for role_name, person, mailbox, permissions in _STAFF:
        role = staff.create_role(
            session, reseller_id=reseller.id, name=role_name, permissions=permissions
        )
        staff.create_user(
            session,
            reseller_id=reseller.id,
            role_id=role.id,
            email=f"{mailbox}@{plan.code}.example",
            name=person,
            password=PASSWORD,
            timezone=plan.timezone,
            locale=plan.locale,
        )
    return reseller


def _make_setup(
    session: Session,
    settings: Settings,
    gateway: SandboxGateway,
    plan: ResellerPlan,
    reseller_id: int,
) -> Setup:
    terms = {one.name: one.id for one in payment_terms.list_terms(session, reseller_id)}
    if not terms:
        for name, rule in (
            ("Monthly, 1st, 14 days", {"day_of_month": 1, "grace_days": 14}),
            ("Every 15 days, 7 days", {"every_days": 15, "grace_days": 7}),
            ("Weekly", {"every_days": 7, "grace_days": 3}),
        ):
            made = payment_terms.create_terms(
                session,
                reseller_id=reseller_id,
                name=name,
                remind_before=(3,),
                remind_after=(1, 7),
                **rule,
            )
            terms[name] = made.id
    profiles = {one.name: one.id for one in tax_profiles.list_profiles(session, reseller_id)}
    if not profiles:
        made_profile = tax_profiles.create_profile(
            session,
            reseller_id=reseller_id,
            name="Standard",
            taxes=[(plan.tax[0], Decimal(plan.tax[1]), 1)],
            is_default=True,
        )
        profiles[made_profile.name] = made_profile.id
    _ensure_rates(session, reseller_id, plan.currency)
    accounts = {one.name: one.id for one in payment_accounts.list_accounts(session, reseller_id)}
    for name in ("Bank", "Cash desk", gateway.name):
        if name not in accounts:
            accounts[name] = payment_accounts.create_account(
                session, reseller_id=reseller_id, name=name
            ).id
    if not gateway_accounts.list_accounts(session, reseller_id):
        ring = settings.credential_key_ring
        account = gateway_accounts.create_account(
            session,
            reseller_id=reseller_id,
            gateway=gateway.gateway,
            name=gateway.name,
            description="Visa, Mastercard, American Express, Discover",
            payment_account_id=accounts[gateway.name],
            currency=plan.currency,
            live=False,
            bank_accounts=plan.currency == gateway_accounts.BANK_CURRENCY,
            credentials=gateway.open_merchant(plan),
            key_ring=ring,
        )
        url = gateway_accounts.webhook_url(account, settings.base_url)
        gateway_accounts.replace_credentials(
            session, account, gateway.register_webhook(plan, url), ring
        )
    return Setup(
        reseller_id=reseller_id,
        terms={
            "monthly": terms["Monthly, 1st, 14 days"],
            "fortnight": terms["Every 15 days, 7 days"],
        },
        tax_profile_id=profiles["Standard"],
        payment_account_ids=(accounts["Bank"], accounts["Cash desk"], accounts["General"]),
        package_ids=client_packages.ensure_packages(session, reseller_id, plan),
    )


def _ensure_rates(session: Session, reseller_id: int, own: str) -> None:
    """Another currency than the own one, and what it costs since the year began."""
    other, rate = ("USD", "0.9215") if own == "EUR" else ("EUR", _EURO_IN.get(own, "1.0852"))
    if other in currencies.list_codes(session, reseller_id):
        return
    currencies.save_currency(
        session,
        reseller_id=reseller_id,
        code=other,
        precision=currencies.usual_precision(other),
        stamp=None,
    )
    exchange_rates.create_rate(
        session,
        reseller_id=reseller_id,
        from_currency=other,
        to_currency=own,
        day=date(now().year, 1, 1),
        rate=Decimal(rate),
    )


def _write_logins(marker: Path) -> None:
    facts = {
        "logins": [
            _login("platform", None, f"{role}@platform.example", role)
            for _, role in _PLATFORM_STAFF
        ]
        + [
            _login("office", plan.name, f"{mailbox}@{plan.code}.example", role.lower())
            for plan in RESELLERS
            for role, _, mailbox, _ in _STAFF
        ]
        + [
            _login("panel", plan.name, login, "client")
            for plan in RESELLERS
            for login in plan.panel_logins
        ],
    }
    marker.parent.mkdir(parents=True, exist_ok=True)
    unfinished = marker.with_suffix(".part")
    unfinished.write_text(json.dumps(facts, indent=2, ensure_ascii=False))
    unfinished.rename(marker)


def _login(area: str, reseller: str | None, user: str, role: str) -> dict[str, str | None]:
    return {"area": area, "reseller": reseller, "user": user, "password": PASSWORD, "role": role}
