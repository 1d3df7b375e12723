"""Two furnished tenants that must not see each other, a branch of one, and one with nothing.

Every text of a row holds its owner's token, so that a leak can be seen in any answer.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pyotp
from sqlalchemy import select

from billing import (
    allocation_by_hand,
    credit_note_files,
    credit_notes,
    currencies,
    exchange_rates,
    invoice_mailing,
    invoice_templates,
    invoices,
    low_balance,
    opening_balances,
    payment_accounts,
    payment_terms,
    periods,
    saved_reports,
    tax_profiles,
    transactions,
)
from billing.client_billing import Billing
from billing.correction_models import InvoiceReminder
from billing.currency_models import ExchangeRate
from billing.invoice_look import InvoiceLook
from billing.low_balance import LowBalance
from billing.models import LedgerEntry
from billing.reports import ReportSpec
from billing.saved_reports import Saving, Schedule
from billing.statement_rows import Plan as StatementPlan
from billing.template_billing import TemplateBilling
from core.clock import now
from core.config import Settings
from core.db import Session
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.sheet_reader import look_at
from core.tenancy import current_scope, tenant_scope
from core.uow import unit_of_work
from mail import letter_switches
from mail import templates as mail_templates
from mail.models import MailMessage, MailServer
from mail.queue import MailKind, queue_mail
from mail.template_source import TemplateSource
from mail.templates import TemplateKey
from payments import client_templates, dunning_rules, gateway_accounts
from payments.auto_payment import AutoPayment
from payments.client_import import Plan
from payments.client_templates import TemplateAutoPayment, TemplateValues
from payments.models import (
    ChargeAttempt,
    ClientAutoPayment,
    GatewayCustomer,
    GatewayEvent,
    Refill,
    SavedCard,
)
from payments.refund_models import Reconciliation, ReconciliationDifference, Refund
from tenants import (
    client_blocks,
    client_files,
    client_notes,
    events,
    list_views,
    resellers,
    second_factor,
    signin_accounts,
    signin_sessions,
    staff,
    task_bytes,
    tasks,
    webhook_endpoints,
    webhook_fanout,
)
from tenants.client_blocks import Company
from tenants.client_templates import TemplateGeneral, record_template
from tenants.clients import get_client
from tenants.list_views import Look
from tenants.models import AuditRecord, ClientTag, ClientTemplate, Event, File, User
from tenants.permissions import Permission
from tenants.stamps import make_stamp
from tenants.webhook_models import WebhookDelivery
from tests.factories import cast
from tests.tenancy.database import Database
from tests.tenancy.world_documents import make_documents
from tests.tenancy.world_packages import make_packages, make_subscriptions
from tests.tenancy.world_suretax import make_suretax, make_tax_waits
from tests.tenancy.world_vouchers import make_redemption, make_sign_up, make_vouchers

FURNISHED = ("acme", "globex")


@dataclass(frozen=True)
class Owner:
    """A client with everything a client can have; `ids` by the kinds of `objects.py`.

    `token` stands in every text of the client's rows, `figure` in its amounts.
    """

    client: cast.Client
    token: str
    figure: str
    ids: dict[str, str]


@dataclass(frozen=True)
class Tenant:
    """A reseller: `token` stands in every text that is nobody's but the reseller's."""

    cast: cast.Tenant
    token: str
    owners: tuple[Owner, ...]

    @property
    def id(self) -> int:
        return self.cast.id

    @property
    def first(self) -> Owner:
        return self.owners[0]

    @property
    def tokens(self) -> tuple[str, ...]:
        """All words and figures that nobody outside may ever read."""
        mine = [self.token]
        for owner in self.owners:
            mine += [owner.token, owner.figure]
        return tuple(mine)


@dataclass(frozen=True)
class World:
    """`west` is a branch of `acme`; `empty` has nothing but its people and one bare client."""

    acme: Tenant
    globex: Tenant
    west: Tenant
    empty: Tenant
    platform_admin_id: int
    platform_viewer_id: int

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        return self.acme, self.globex, self.west, self.empty


def make_world(settings: Settings, database: Database) -> World:
    """Everybody and everything, through the functions that the screens use."""
    acme = _make_tenant(settings, "Acme", "USD", "America/New_York", ("41517.31", "52628.42"))
    world = World(
        acme=acme,
        globex=_make_tenant(settings, "Globex", "EUR", "Europe/Berlin", ("73739.53", "84841.64")),
        west=_make_tenant(
            settings, "West", "USD", "America/Denver", ("95953.75",), parent_id=acme.id
        ),
        empty=_make_empty(),
        platform_admin_id=cast.make_platform_user(),
        platform_viewer_id=cast.make_platform_user("viewer@platform.example", "viewer"),
    )
    for tenant in world.tenants:
        for owner in tenant.owners:
            _mark_rows(database, owner.token, "client_id", owner.client.id)
        _mark_rows(database, tenant.token, "reseller_id", tenant.id)
    return world


# Columns whose words are the program's own, or which open doors; every other text gets a token.
NO_TOKENS = {
    "account", "action", "actor_kind", "area", "asker_kind", "author", "billing_email",
    "brand_color", "code", "color", "currency", "delivery", "density", "direction", "email",
    "ended_reason", "every", "format", "from_address", "from_currency", "gateway", "host", "ip",
    "key", "kind", "last_four", "lease_owner", "letter", "level", "line_hash", "list_key",
    "locale", "login", "mail_from", "main_email", "media_type", "message", "method", "mode",
    "name_key", "noc_email", "object_id", "object_type", "original_currency", "paper", "part",
    "password", "password_hash", "portal_host", "query", "rates_email", "result_type", "role",
    "seal_hash", "secret", "security", "service", "source", "state", "status", "step", "tax_mode",
    "template", "timezone", "to_address", "to_currency", "type", "user_agent", "webhook_token",
    "colour", "columns", "digest", "grouping", "parts", "source_digest",
    "decision", "origin", "resolution",
    "alignment", "ending", "period_unit", "unit",
    "pin_hash", "restores", "sealed",
    "payload", "sealed_secret", "sealed_secret_before", "types", "url",
    "client_number", "own_url", "regulatory_code", "sales_type", "sealed_key", "usage_code",
    "package_code", "extra_code",
}  # fmt: skip


def _mark_rows(database: Database, token: str, column: str, value: int) -> None:
    for table, columns in database.tables.items():
        names = {c.name for c in columns}
        key = "id" if (table, column) == ("resellers", "reseller_id") else column
        if key not in names:
            continue
        texts = [c.name for c in columns if c.type in {"text", "character varying", "character"}]
        for name in texts:
            if name in NO_TOKENS:
                continue
            only_reseller = (
                " and client_id is null" if key == "reseller_id" and "client_id" in names else ""
            )
            database.connection.execute(
                f'update "{table}" set "{name}" = "{name}" || \' {token}\''  # type: ignore[arg-type]
                f" where {key} = {value}{only_reseller} and \"{name}\" not ilike '%{token}%'"
            )


def _make_tenant(
    settings: Settings,
    name: str,
    currency: str,
    timezone: str,
    amounts: tuple[str, ...],
    parent_id: int | None = None,
) -> Tenant:
    token = f"{name.upper()}SENTINEL"
    made = cast.make_tenant(
        f"{name} {token}", name.lower(), currency=currency, timezone=timezone, parent_id=parent_id
    )
    with tenant_scope(made.scope), unit_of_work() as session:
        shared = _furnish_tenant(session, settings, made, token, currency)
    shared |= make_sign_up(made, token)
    _guard_user(settings, int(shared["guarded_user"]))
    owners = tuple(
        _make_owner(made, name, number, Decimal(amount), currency, timezone, shared)
        for number, amount in enumerate(amounts, 1)
    )
    return Tenant(made, token, owners)


def _guard_user(settings: Settings, user_id: int) -> None:
    """With a second factor and a session, as a colleague finds it."""
    secret = second_factor.new_secret()
    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, "office", user_id)
        second_factor.create_factor(
            session,
            account,
            secret=secret,
            code=pyotp.TOTP(secret).at(now()),
            key_ring=settings.credential_key_ring,
            ip="127.0.0.1",
        )
        signin_sessions.begin_session(
            session,
            area="office",
            subject_id=user_id,
            reseller_id=account.reseller_id,
            ip="127.0.0.1",
            user_agent="Matrix",
            with_factor=True,
        )


def _make_empty() -> Tenant:
    made = cast.make_tenant("Initech", "initech")
    bare = cast.make_client(made, "Bare Client", login="bare", company=Company())
    return Tenant(made, "INITECHSENTINEL", (Owner(bare, "BARESENTINEL", "no amount", {}),))


def _furnish_tenant(
    session: Session, settings: Settings, tenant: cast.Tenant, token: str, currency: str
) -> dict[str, str]:
    account = payment_accounts.create_account(session, reseller_id=tenant.id, name=f"Bank {token}")
    spare_account = payment_accounts.create_account(
        session, reseller_id=tenant.id, name=f"Spare {token}"
    )
    terms = payment_terms.create_terms(
        session, reseller_id=tenant.id, name=f"Monthly {token}", day_of_month=1, grace_days=14
    )
    profile = tax_profiles.create_profile(
        session,
        reseller_id=tenant.id,
        name=f"Taxes {token}",
        taxes=[(f"Tax {token}", Decimal(10), 1)],
        is_default=True,
    )
    spare_terms = payment_terms.create_terms(
        session, reseller_id=tenant.id, name=f"Fortnight {token}", every_days=14
    )
    spare_profile = tax_profiles.create_profile(
        session,
        reseller_id=tenant.id,
        name=f"Spare {token}",
        taxes=[(f"Other tax {token}", Decimal(5), 1)],
    )
    rate = _make_rates(session, tenant.id, currency)
    gateway = gateway_accounts.create_account(
        session,
        reseller_id=tenant.id,
        gateway="authorizenet",
        name=f"Cards {token}",
        description=f"Description {token}",
        payment_account_id=account.id,
        currency=currency,
        live=False,
        credentials={
            "login": f"login{tenant.id}",
            "transaction_key": f"transaction{tenant.id}",
            "signature_key": f"{tenant.id:0128X}",
        },
        key_ring=settings.credential_key_ring,
    )
    events.record(
        session,
        reseller_id=tenant.id,
        level="warning",
        service="payments",
        code="test",
        text=f"Something happened at {token}",
    )
    events.acknowledge(
        session, session.scalars(select(Event.id).where(Event.reseller_id == tenant.id)).one()
    )
    mail_templates.save_template(
        session,
        TemplateKey(tenant.id, "invoice", "en"),
        TemplateSource(f"Invoice of {token}", f"Pay {token}.", f"<p>Pay {token}.</p>"),
        based_on=0,
    )
    session.add(
        GatewayEvent(
            reseller_id=tenant.id,
            gateway_account_id=gateway.id,
            event_id=f"event-{token}",
            kind="payment",
            gateway_ref="ref",
            attempt_key="KEY",
            handled_at=now(),
        )
    )
    # nobody listens there: what is tried fails at once
    endpoint, _secret = webhook_endpoints.create_endpoint(
        session,
        reseller_id=tenant.id,
        request_id=new_id(),
        wish=webhook_endpoints.Wish(
            f"http://127.0.0.1:9/{token}", ["client.created"], f"Description {token}"
        ),
        settings=settings,
    )
    webhook_fanout.send_ping(session, endpoint, new_id())
    make_suretax(session, settings, tenant, token)
    delivery = session.scalars(
        select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    ).one()
    delivery.state = "failed"
    delivery.last_error = f"Refused {token}"
    delivery.payload = json.dumps({"type": "ping", "token": token})
    session.add(MailServer(reseller_id=tenant.id, host="127.0.0.1", port=9, security="none"))
    invoice_template = invoice_templates.create_template(
        session,
        reseller_id=tenant.id,
        look=InvoiceLook(f"Letter {token}", paper="us-letter", note=f"Note {token}"),
    )
    spare_invoice_template = invoice_templates.create_template(
        session, reseller_id=tenant.id, look=InvoiceLook(f"Spare {token}")
    )
    client_template = _make_client_template(
        session, tenant, token, terms.id, profile.id, invoice_template.id
    )
    user = session.scalars(select(User).where(User.id == tenant.viewer_id)).one()
    spare_role = staff.create_role(
        session, reseller_id=tenant.id, name=f"Spare {token}", permissions=[Permission.TAGS_READ]
    )
    invited, guarded = (
        staff.create_user(
            session,
            reseller_id=tenant.id,
            role_id=user.role_id,
            email=f"{name}@{tenant.code}.example",
            name=f"{name} {token}",
            password=password,
        )
        for name, password in (("invited", None), ("guarded", cast.PASSWORD))
    )
    report = saved_reports.create_report(
        session,
        report_id=new_id(),
        saving=Saving(
            name=f"Report {token}",
            spec=ReportSpec("balance", "month", "UTC"),
            is_shared=True,
            format="csv",
            schedule=Schedule("day", recipients=(f"{token.lower()}@reports.example",)),
            words={},
            locale="en",
        ),
    )
    rules = dunning_rules.rules_of(session, tenant.id)
    dunning_rules.save_rules(
        session,
        tenant.id,
        replace(rules, words={"other": f"Call {token}"}),
        stamp=make_stamp(rules.facts()),
    )
    letter_switches.switch_letter(session, tenant.id, "voucher_redeemed", on=False)
    view = list_views.create_view(
        session,
        view_id=new_id(),
        list_key="clients",
        name=f"View {token}",
        query="currency=USD",
        look=Look(("id", "name"), "compact"),
        is_shared=True,
    )
    session.flush()
    return {
        "reseller": str(tenant.id),
        "reseller_code": resellers.get_reseller(session, tenant.id).code,
        "payment_account": str(account.id),
        "spare_payment_account": str(spare_account.id),
        "terms": str(terms.id),
        "spare_terms": str(spare_terms.id),
        "spare_tax_profile": str(spare_profile.id),
        "tax_profile": str(profile.id),
        "exchange_rate": str(rate.id),
        "gateway_account": str(gateway.id),
        "webhook_endpoint": str(endpoint.id),
        "webhook_delivery": str(delivery.id),
        "client_template": str(client_template.id),
        "invoice_template": str(invoice_template.id),
        "spare_invoice_template": str(spare_invoice_template.id),
        "webhook_token": gateway.webhook_token,
        "user": str(user.id),
        "role": str(user.role_id),
        **_make_tasks(session, token),
        **make_packages(session, tenant, token, currency),
        **make_vouchers(session, tenant, token, currency),
        "spare_role": str(spare_role.id),
        # of no tenant: the same one for everybody
        "platform_user": str(cast.make_platform_user("viewer@platform.example", "viewer")),
        "invited_user": str(invited.id),
        "guarded_user": str(guarded.id),
        "list_view": str(view.id),
        "saved_report": str(report.id),
    }


def _make_rates(session: Session, reseller_id: int, own: str) -> ExchangeRate:
    """Another currency than the own one, and what it costs."""
    for code in {"EUR", "CHF"} - {own}:
        currencies.save_currency(
            session,
            reseller_id=reseller_id,
            code=code,
            precision=currencies.usual_precision(code),
            stamp=None,
        )
    return exchange_rates.create_rate(
        session,
        reseller_id=reseller_id,
        from_currency="CHF",
        to_currency=own,
        day=date(2026, 1, 1),
        rate=Decimal("1.0625"),
    )


def _make_tasks(session: Session, token: str) -> dict[str, str]:
    """An export that is done, and one that nobody has begun."""
    done, waiting = (
        tasks.create_task(
            session,
            task_id=new_id(),
            kind="export_clients",
            title=f"{name} {token}",
            params={"asked": {"q": token}},
            # its job is not sent: there is no worker
            state="draft",
        )
        for name in ("clients.csv", "later.csv")
    )
    task_bytes.put_bytes(session, done, "result", f"Name\r\n{token}\r\n".encode())
    done.state, done.result_name, done.result_type = "done", "clients.csv", "text/csv"
    done.result_size, done.finished_at = 40, now()
    waiting.state = "waiting"
    session.flush()
    return {
        "task": str(done.id),
        "open_task": str(waiting.id),
        "zip_task": str(_make_zip(session, token)),
        **{kind: str(_make_import(session, kind, token)) for kind in _IMPORTS},
        **{kind: str(_make_statement(session, kind, token)) for kind in _STATEMENTS},
    }


def _make_zip(session: Session, token: str) -> UUID:
    """A ZIP of invoices that is done."""
    task = tasks.create_task(
        session, task_id=new_id(), kind="zip_invoices", title=token, params={}, state="draft"
    )
    task_bytes.put_bytes(session, task, "result", f"PK {token}".encode())
    task.state, task.result_name, task.result_type = "done", "invoices.zip", "application/zip"
    task.result_size, task.finished_at = 40, now()
    session.flush()
    return task.id


_IMPORTS = {"import_task": "draft", "checked_import": "checked"}


_STATEMENTS = ("statement", "checked_statement")


def _make_statement(session: Session, kind: str, token: str) -> UUID:
    """A bank statement that is to be matched, or that was checked and waits for its person."""
    content = f"Day;Amount;Text\r\n2026-03-01;5;Payment {token}\r\n".encode()
    general = payment_accounts.get_general(session, current_scope().home_reseller_id)
    plan = StatementPlan(("date", "amount", "text"), "ymd", "en", "UTC", general.id)
    task = tasks.create_task(
        session,
        task_id=new_id(),
        kind="import_payments",
        title=f"{kind} {token}.csv",
        params={"sheet": asdict(look_at(content)), "plan": plan.to_params()},
        state="draft",
    )
    task_bytes.put_bytes(session, task, "source", content)
    if kind == "checked_statement":
        values = {"date": "2026-03-01", "amount": "5", "text": f"Payment {token}"}
        tasks.add_rows(session, task, [(1, {"line": 2, "values": values, "hash": f"{task.id}"})])
        (item,) = tasks.take_items(session, task.id, limit=1)
        item.details = {
            "will": "unmatched", "was": "unmatched", "by": "", "clients": [], "invoices": [],
            "named": {}, "amount": "5", "day": "2026-03-01",
        }  # fmt: skip
        task.state, task.total, task.done, task.step = "checked", 1, 1, "check"
        session.flush()
    return task.id


def _make_import(session: Session, kind: str, token: str) -> UUID:
    """A file that is to be matched, or that was checked and waits for its person."""
    content = f"Name\r\nNew {token}\r\n".encode()
    sheet = asdict(look_at(content))
    plan = Plan(("name",), "create", "name", False, False, "en")
    task = tasks.create_task(
        session,
        task_id=new_id(),
        kind="import_clients",
        title=f"{kind} {token}.csv",
        params={"sheet": sheet, "refused": [], "plan": plan.to_params()},
        state="draft",
    )
    task_bytes.put_bytes(session, task, "source", content)
    if kind == "checked_import":
        rows = [(1, {"line": 2, "values": {"name": f"New {token}"}})]
        tasks.add_rows(session, task, rows)
        (item,) = tasks.take_items(session, task.id, limit=1)
        item.details = {"will": "make", "warnings": []}
        task.state, task.total, task.done, task.step = "checked", 1, 1, "check"
        session.flush()
    return task.id


def _make_client_template(
    session: Session,
    tenant: cast.Tenant,
    token: str,
    terms_id: int,
    profile_id: int,
    invoice_template_id: int,
) -> ClientTemplate:
    return client_templates.create_template(
        session,
        request_id=new_id(),
        reseller_id=tenant.id,
        values=TemplateValues(
            TemplateGeneral(f"Template {token}", role="both", tags=(f"Given {token}",)),
            TemplateBilling(
                payment_terms_id=terms_id,
                tax_profile_id=profile_id,
                invoice_template_id=invoice_template_id,
                notify_client=Decimal(20),
            ),
            TemplateAutoPayment(extra_amount=Decimal(5)),
        ),
    )


def _make_owner(
    tenant: cast.Tenant,
    name: str,
    number: int,
    amount: Decimal,
    currency: str,
    timezone: str,
    shared: dict[str, str],
) -> Owner:
    token = f"{name.upper()}CLIENT{number}SENTINEL"
    last_month = (now().date().replace(day=1) - timedelta(days=1)).replace(day=1)
    client = cast.make_client(
        tenant,
        f"Client {token}",
        login=f"{name}{number}".lower(),
        currency=currency,
        timezone=timezone,
        company=_company(f"{name}{number}".lower(), token),
        billing=Billing(
            credit=Decimal(10),
            payment_terms_id=int(shared["terms"]),
            tax_profile_id=int(shared["tax_profile"]),
            autoinvoicing=True,
            last_invoiced_on=last_month - timedelta(days=1),
        ),
        auto=AutoPayment(enabled=True, extra_amount=Decimal(5)),
    )
    with tenant_scope(tenant.scope), unit_of_work() as session:
        row = get_client(session, client.id)
        low_balance.save_low_balance(session, row, LowBalance(notify_admin=Decimal(3)))
        record_template(session, row, int(shared["client_template"]))
        ids = _make_money(session, client, token, amount, last_month, timezone, shared)
        ids |= _make_payments(session, client, token, amount, currency, shared)
        ids |= _make_records(session, client, token)
        ids |= make_subscriptions(session, client, shared)
        ids |= make_tax_waits(session, client, token, UUID(ids["invoice"]))
        ids |= make_redemption(session, client)
    return Owner(client, token, f"{amount:,}", {**shared, "client": str(client.id), **ids})


def _company(login: str, token: str) -> Company:
    return Company(
        company_name=f"Company {token}",
        main_email=f"main-{login}@client.example",
        billing_email=f"billing-{login}@client.example",
        address=f"Street {token}",
        zip_code="10001",
        tax_id=f"Tax id {token}",
        reg_id=f"Reg id {token}",
        account_details=f"Account {token}",
    )


def _make_money(
    session: Session,
    client: cast.Client,
    token: str,
    amount: Decimal,
    month: date,
    timezone: str,
    shared: dict[str, str],
) -> dict[str, str]:
    zone = ZoneInfo(timezone)
    period = periods.period_for_dates(month, month + timedelta(days=13), zone)
    charge = transactions.create_charge(
        session,
        transaction_id=new_id(),
        client_id=client.id,
        amount=amount,
        tax_mode="none",
        dated_at=period.starts_at + timedelta(hours=30),
        description=f"Calls {token}",
    )
    payment = transactions.create_payment(
        session,
        transaction_id=new_id(),
        client_id=client.id,
        amount=amount,
        payment_account_id=int(shared["payment_account"]),
        description=f"Wire {token}",
    )
    pending = transactions.create_payment(
        session,
        transaction_id=new_id(),
        client_id=client.id,
        amount=amount,
        payment_account_id=int(shared["payment_account"]),
        description=f"Announced {token}",
        status="pending",
    )
    unbilled = transactions.create_charge(
        session,
        transaction_id=new_id(),
        client_id=client.id,
        amount=Decimal("1.00"),
        description=f"Later {token}",
    )
    invoice = invoices.create_invoice(
        session, invoice_id=new_id(), client_id=client.id, period=period, autoinvoice=True
    )
    assert invoice is not None
    file = invoices.store_file(session, invoice.id)
    mail = invoice_mailing.mail_invoice(session, invoice.id)
    assert mail is not None
    waiting = _make_waiting_invoice(session, client, token, month, zone)
    by_hand = _make_hand_payment(session, client, token, waiting, shared)
    later = periods.period_for_dates(
        month + timedelta(days=16), now().astimezone(zone).date(), zone
    )
    draft = invoices.create_invoice(
        session, invoice_id=new_id(), client_id=client.id, period=later, autoinvoice=False
    )
    assert draft is not None
    entry_id = session.scalars(
        select(LedgerEntry.id).where(LedgerEntry.client_id == client.id).limit(1)
    ).one()
    opening = opening_balances.create_opening_balance(
        session,
        opening_id=new_id(),
        client_id=client.id,
        amount=Decimal(3),
        dated_at=now(),
        description=f"Brought over {token}",
    )
    return {
        "opening_balance": str(opening.id),
        "transaction": str(charge.id),
        "payment": str(payment.id),
        **by_hand,
        "pending_transaction": str(pending.id),
        "unbilled_transaction": str(unbilled.id),
        "invoice": str(invoice.id),
        "draft_invoice": str(draft.id),
        "waiting_invoice": str(waiting),
        **make_documents(session, client, token),
        "file": str(file.id),
        "mail": str(mail.id),
        "ledger_entry": str(entry_id),
    }


def _make_hand_payment(
    session: Session, client: cast.Client, token: str, invoice_id: UUID, shared: dict[str, str]
) -> dict[str, str]:
    """A payment that was taken off its invoice, which has a credit note and a reminder too."""
    payment = transactions.create_payment(
        session,
        transaction_id=new_id(),
        client_id=client.id,
        amount=Decimal("3.00"),
        payment_account_id=int(shared["payment_account"]),
        description=f"By hand {token}",
    )
    allocation_by_hand.deallocate(
        session,
        invoice_id=invoice_id,
        payment_id=payment.id,
        stamp=allocation_by_hand.read_stamp(session, invoice_id, payment.id),
    )
    note = credit_notes.create_credit_note(
        session,
        credit_note_id=new_id(),
        invoice_id=invoice_id,
        amount=Decimal("0.50"),
        reason=f"Too dear {token}",
    )
    credit_note_files.store_file(session, note.id)
    session.add(
        InvoiceReminder(
            reseller_id=client.reseller_id,
            client_id=client.id,
            invoice_id=invoice_id,
            kind="after",
            days=3,
            state="no_address",
            planned_on=note.issued_on,
            due_on=note.issued_on,
            open_amount=Decimal("1.50"),
            terms_name=f"Terms {token}",
            at=now(),
        )
    )
    session.flush()
    return {"hand_payment": str(payment.id), "credit_note": str(note.id)}


def _make_waiting_invoice(
    session: Session, client: cast.Client, token: str, month: date, zone: ZoneInfo
) -> UUID:
    """One that is issued and whose file and mail are not made yet."""
    period = periods.period_for_dates(month + timedelta(days=14), month + timedelta(days=15), zone)
    transactions.create_charge(
        session,
        transaction_id=new_id(),
        client_id=client.id,
        amount=Decimal("2.00"),
        dated_at=period.starts_at,
        description=f"Between {token}",
    )
    invoice = invoices.create_invoice(
        session, invoice_id=new_id(), client_id=client.id, period=period, autoinvoice=True
    )
    assert invoice is not None
    return invoice.id


def _make_payments(
    session: Session,
    client: cast.Client,
    token: str,
    amount: Decimal,
    currency: str,
    shared: dict[str, str],
) -> dict[str, str]:
    """Rows as a gateway's answers leave them; no gateway is needed to look at them."""
    here = {"reseller_id": client.reseller_id, "client_id": client.id}
    account_id = int(shared["gateway_account"])
    session.add(GatewayCustomer(**here, gateway_account_id=account_id, customer_ref=f"c{token}"))
    card, other_card = (
        SavedCard(
            **here,
            id=new_id(),
            gateway_account_id=account_id,
            customer_ref=f"c{token}",
            method_ref=f"{number} m{token}",
            brand=f"Visa {token}",
            last_four="1111",
            expiry_month=9,
            expiry_year=2031,
            is_default=number == 1,
        )
        for number in (1, 2)
    )
    session.add_all([card, other_card])
    session.flush()
    refill = Refill(
        **here,
        id=new_id(),
        source="panel",
        method="saved_card",
        gateway_account_id=account_id,
        saved_card_id=card.id,
        amount=amount,
        currency=currency,
        state="declined",
        reason=f"Declined for {token}",
        figures={"note": token},
        author=f"author {token}",
        finished_at=now(),
    )
    session.add(refill)
    session.flush()
    session.add(
        ChargeAttempt(
            **here,
            key=f"K{client.id}",
            refill_id=refill.id,
            n=1,
            gateway_account_id=account_id,
            request={"amount": f"{amount}", "note": token},
            state="declined",
            gateway_ref=f"ref {token}",
            answer={"text": f"declined {token}"},
        )
    )
    unclear = Refill(
        **here,
        id=new_id(),
        source="auto",
        method="saved_card",
        gateway_account_id=account_id,
        saved_card_id=card.id,
        amount=amount,
        currency=currency,
        state="unknown",
        next_look_at=now() + timedelta(days=1),
    )
    hosted = Refill(
        **here,
        id=new_id(),
        source="panel",
        method="hosted_page",
        gateway_account_id=account_id,
        amount=amount + 1,
        currency=currency,
        state="requested",
        next_look_at=now() + timedelta(days=1),
    )
    session.add_all([unclear, hosted])
    session.flush()
    session.add(
        ChargeAttempt(
            **here,
            key=f"U{client.id}",
            refill_id=unclear.id,
            n=1,
            gateway_account_id=account_id,
            request={"amount": f"{amount}", "note": token},
            state="unknown",
        )
    )
    paid, going_back = (
        Refill(
            **here,
            id=new_id(),
            source="staff",
            method="saved_card",
            gateway_account_id=account_id,
            saved_card_id=card.id,
            amount=amount,
            credited=amount,
            currency=currency,
            state="succeeded",
            author=f"author {token}",
            finished_at=now(),
        )
        for _ in range(2)
    )
    session.add_all([paid, going_back])
    session.flush()
    session.add_all(
        ChargeAttempt(
            **here,
            key=f"{letter}{client.id}",
            refill_id=one.id,
            n=1,
            gateway_account_id=account_id,
            request={"amount": f"{amount}", "note": token},
            state="succeeded",
            gateway_ref=f"{letter} paid {token}",
            approved=amount,
        )
        for letter, one in (("P", paid), ("B", going_back))
    )
    held = Refill(
        **here,
        id=new_id(),
        source="staff",
        method="saved_card",
        gateway_account_id=account_id,
        saved_card_id=card.id,
        amount=amount,
        currency=currency,
        state="held",
        author=f"author {token}",
        next_look_at=now() + timedelta(days=1),
    )
    session.add(held)
    session.flush()
    session.add(
        ChargeAttempt(
            **here,
            key=f"H{client.id}",
            refill_id=held.id,
            n=1,
            gateway_account_id=account_id,
            request={"amount": f"{amount}", "note": token},
            state="held",
            gateway_ref=f"held {token}",
        )
    )
    refund = Refund(
        **here,
        id=new_id(),
        refill_id=going_back.id,
        gateway_account_id=account_id,
        kind="refund",
        amount=amount,
        currency=currency,
        reason=f"Refund for {token}",
        note=f"Waits for {token}",
        author=f"author {token}",
        key=f"R{client.id}",
        next_look_at=now() + timedelta(days=1),
    )
    run = Reconciliation(
        id=new_id(),
        reseller_id=client.reseller_id,
        gateway_account_id=account_id,
        since_at=now() - timedelta(days=7),
        until_at=now(),
        state="done",
        author=f"author {token}",
        note=f"note {token}",
    )
    session.add_all([refund, run])
    session.flush()
    difference = ReconciliationDifference(
        reseller_id=client.reseller_id,
        gateway_account_id=account_id,
        reconciliation_id=run.id,
        kind="refund_not_booked",
        gateway_ref=f"difference {token}",
        refill_id=paid.id,
        client_id=client.id,
        amount=amount,
        currency=currency,
        happened_at=now(),
    )
    session.add(difference)
    auto = session.scalars(
        select(ClientAutoPayment).where(ClientAutoPayment.client_id == client.id)
    ).one()
    auto.suspended_at, auto.suspended_reason = now(), f"Declined too often {token}"
    session.flush()
    return {
        "card": str(card.id),
        "other_card": str(other_card.id),
        "refill": str(refill.id),
        "open_refill": str(unclear.id),
        "hosted_refill": str(hosted.id),
        "paid_refill": str(paid.id),
        "refunded_refill": str(going_back.id),
        "held_refill": str(held.id),
        "refund": str(refund.id),
        "difference": str(difference.id),
        "reconciliation": str(run.id),
    }


def _make_records(session: Session, client: cast.Client, token: str) -> dict[str, str]:
    client_blocks.save_tags(session, get_client(session, client.id), [f"tag-{token}"])
    events.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        level="error",
        service="payments",
        code="test",
        text=f"Something happened to {token}",
    )
    waiting = queue_mail(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        kind=MailKind.REPORT,
        dedupe_key=f"failed:{token}",
        to_address=f"billing-{client.login}@client.example",
        subject=f"Report {token}",
        body_text=f"Text {token}",
        body_html=f"<p>Words {token}</p>",
    )
    assert waiting is not None
    failed = session.scalars(select(MailMessage).where(MailMessage.id == waiting.id)).one()
    failed.state, failed.last_error = "failed", f"550 no such user {token}"
    session.flush()
    note = client_notes.create_note(
        session, client.id, note_id=new_id(), body=f"Note about {token}", is_pinned=True
    )
    file = client_files.create_client_file(
        session,
        client.id,
        file_id=new_id(),
        name=f"contract {token}.txt",
        content=f"A contract with {token}".encode(),
    )
    return {
        "note": str(note.id),
        "client_file": str(file.file_id),
        "failed_mail": str(waiting.id),
        "tag": str(
            session.scalars(
                select(ClientTag.tag_id).where(ClientTag.client_id == client.id).limit(1)
            ).one()
        ),
        "event": str(
            session.scalars(select(Event.id).where(Event.client_id == client.id).limit(1)).one()
        ),
        "audit": str(
            session.scalars(
                select(AuditRecord.id).where(AuditRecord.client_id == client.id).limit(1)
            ).one()
        ),
        "stored_file": str(
            session.scalars(select(File.id).where(File.client_id == client.id).limit(1)).one()
        ),
    }
