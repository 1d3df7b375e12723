"""Whole clients, all their blocks at once: read for many, and saved where they differ.

What a mass edit and an import have in common. Every block is saved by the function of the package
that owns it, as the form does it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, BigInteger, and_, any_, func, literal, select

from billing import client_billing, low_balance
from billing.client_billing import Billing
from billing.client_models import ClientLowBalance
from billing.invoice_models import Invoice
from billing.low_balance import LowBalance
from billing.models import ClientBalance, ClientBilling
from core.db import Session
from payments import auto_payment
from payments.auto_payment import AutoPayment
from payments.models import ClientAutoPayment
from tenants import audit, client_blocks, client_deletion, client_templates, clients
from tenants.client_blocks import Company, PanelLogin
from tenants.clients import General
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Tag


@dataclass(frozen=True, slots=True)
class Whole:
    """All blocks of a client, as they were in `version`.

    `invoiced_on` is the last day that an invoice covers, `restores_status` what a deleted client
    was before.
    """

    id: int
    reseller_id: int
    is_erased: bool
    general: General
    tags: tuple[str, ...] = ()
    template_id: int | None = None
    billing: Billing = field(default_factory=Billing)
    low: LowBalance = field(default_factory=LowBalance)
    auto: AutoPayment = field(default_factory=AutoPayment)
    company: Company = field(default_factory=Company)
    panel: PanelLogin = field(default_factory=PanelLogin)
    invoiced_on: date | None = None
    restores_status: str | None = None
    version: int = 0


_BLOCKS: tuple[tuple[str, Any, Any], ...] = (
    ("low", LowBalance, ClientLowBalance),
    ("auto", AutoPayment, ClientAutoPayment),
    ("company", Company, ClientCompany),
)
_FACTS: tuple[tuple[str, str], ...] = (
    ("general", ""), ("billing", ""), ("low", ""), ("auto", "auto_payment_"), ("company", ""),
    ("panel", "panel_"),
)  # fmt: skip


def lock_clients(session: Session, client_ids: Iterable[int]) -> None:
    """Keep others from saving these clients until the transaction ends; always in one order."""
    wanted = literal(sorted(client_ids), ARRAY(BigInteger))
    session.execute(
        select(Client.id)
        .where(Client.id == any_(wanted))
        .order_by(Client.id)
        .with_for_update(key_share=True)
    )


def read_wholes(session: Session, client_ids: Sequence[int]) -> dict[int, Whole]:
    """Those of the ids that are clients of the scope."""
    picked: list[Any] = []
    for _name, block, model in _BLOCKS:
        picked += [getattr(model, one.name) for one in fields(block)]
    query = select(
        Client.id,
        Client.reseller_id,
        Client.erased_at.is_not(None),
        Client.name,
        Client.currency,
        Client.timezone,
        Client.status,
        Client.is_originator,
        Client.is_terminator,
        Client.template_id,
        ClientBalance.postpaid,
        ClientBalance.credit,
        ClientBilling.payment_terms_id,
        ClientBilling.tax_profile_id,
        ClientBilling.autoinvoicing,
        ClientBilling.last_invoiced_on,
        ClientBilling.invoice_template_id,
        ClientLogin.enabled,
        ClientLogin.login,
        _tags(),
        _invoiced_on(),
        Client.restores_status,
        Client.version,
        *picked,
    ).select_from(Client)
    for model in (
        ClientBalance, ClientBilling, ClientLogin, ClientLowBalance, ClientAutoPayment,
        ClientCompany,
    ):  # fmt: skip
        query = query.outerjoin(
            model, and_(model.reseller_id == Client.reseller_id, model.client_id == Client.id)
        )
    wanted = literal(list(client_ids), ARRAY(BigInteger))
    rows = session.execute(query.where(Client.id == any_(wanted)))
    return {row[0]: _make(tuple(row)) for row in rows}


def save_whole(session: Session, before: Whole, after: Whole) -> None:
    """Save the blocks that differ; the caller has locked the client since `before` was read.

    Raises InvalidInputError naming the field, and ConflictError for a client removed for good.
    """
    client = _save_general(session, before, after)
    steps: dict[str, Callable[[], object]] = {
        "billing": lambda: client_billing.save_billing(session, client, after.billing),
        "low": lambda: low_balance.save_low_balance(session, client, after.low),
        "auto": lambda: auto_payment.save_auto_payment(session, client, after.auto),
        "company": lambda: client_blocks.save_company(session, client, after.company),
        "panel": lambda: client_blocks.save_panel_login(session, client, after.panel),
        "tags": lambda: client_blocks.save_tags(session, client, after.tags),
    }
    for name, save in steps.items():
        # the zone and the currency of General decide what billing makes of its own
        follows = name == "billing" and before.general != after.general
        if follows or getattr(before, name) != getattr(after, name):
            save()
    if after.template_id != before.template_id:
        client_templates.record_template(session, client, after.template_id)
    if after.general.status == "deleted" != before.general.status:
        client_deletion.delete_client(session, client.id)


def changes_of(before: Whole, after: Whole) -> dict[str, tuple[object, object]]:
    """Each field that differs, before and after."""
    found: dict[str, tuple[object, object]] = {}
    for block, prefix in _FACTS:
        differs = audit.differences(asdict(getattr(before, block)), asdict(getattr(after, block)))
        found |= {f"{prefix}{name}": pair for name, pair in differs.items()}
    for name in ("tags", "template_id"):
        if getattr(before, name) != getattr(after, name):
            found[name] = (getattr(before, name), getattr(after, name))
    return found


def _save_general(session: Session, before: Whole, after: Whole) -> Client:
    """Also when no field of it differs: the form that somebody has open must notice."""
    general, status, version = after.general, before.general.status, before.version
    if status == "deleted" != general.status:
        client = client_deletion.restore_client(session, before.id).client
        status, version = client.status, client.version
    if "deleted" in (before.general.status, general.status):
        # deleting is the last step, and what comes back is what was restored
        general = _with_status(general, status)
    return clients.update_client(session, before.id, version=version, general=general)


def _with_status(general: General, status: str) -> General:
    return General(**{**asdict(general), "status": status})


def _make(row: tuple[Any, ...]) -> Whole:
    values: dict[str, Any] = {}
    at = 23
    for name, block, _model in _BLOCKS:
        names = [one.name for one in fields(block)]
        here = row[at : at + len(names)]
        # a block that was never saved is as it is by default
        values[name] = block(
            **{one: value for one, value in zip(names, here, strict=True) if value is not None}
        )
        at += len(names)
    return Whole(
        id=row[0],
        reseller_id=row[1],
        is_erased=row[2],
        general=General(
            name=row[3],
            currency=row[4],
            timezone=row[5],
            status=row[6],
            is_originator=row[7],
            is_terminator=row[8],
        ),
        template_id=row[9],
        billing=Billing(
            postpaid=bool(row[10]),
            credit=row[11] or Billing().credit,
            payment_terms_id=row[12],
            tax_profile_id=row[13],
            autoinvoicing=bool(row[14]),
            last_invoiced_on=row[15],
            invoice_template_id=row[16],
        ),
        panel=PanelLogin(enabled=bool(row[17]), login=row[18] or ""),
        tags=tuple(sorted(row[19] or ())),
        invoiced_on=row[20],
        restores_status=row[21],
        version=row[22],
        **values,
    )


def _tags() -> Any:  # noqa: ANN401 (an array subquery)
    return (
        select(func.array_agg(Tag.name))
        .select_from(ClientTag)
        .join(Tag, and_(Tag.reseller_id == ClientTag.reseller_id, Tag.id == ClientTag.tag_id))
        .where(ClientTag.reseller_id == Client.reseller_id, ClientTag.client_id == Client.id)
        .correlate(Client)
        .scalar_subquery()
    )


def _invoiced_on() -> Any:  # noqa: ANN401 (a scalar subquery)
    return (
        select(func.max(Invoice.last_on))
        .where(
            Invoice.reseller_id == Client.reseller_id,
            Invoice.client_id == Client.id,
            Invoice.direction == "outgoing",
        )
        .correlate(Client)
        .scalar_subquery()
    )
