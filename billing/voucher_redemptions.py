"""Redeeming a voucher: asked for by a client or for it, done once, posted as a payment.

Entry points call `payments.voucher_redeeming`, which sends the receipt too.

The panel may only write down that somebody gave a PIN; a worker, or the staff's own request, looks
at it. The voucher's row is locked while it is looked at, its id is the payment's and the posting's
source: whoever comes at once, or again after a worker has died, finds it redeemed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import Insert, insert

from billing import transactions, voucher_pins, voucher_throttle, vouchers
from billing.ledger import EntryKind
from billing.voucher_models import Voucher, VoucherRedemption, VoucherSeries
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.tenancy import current_actor
from tenants import audit
from tenants.clients import get_client
from tenants.models import Client
from tenants.signin_throttle import Key

JOB = "billing.redeem_voucher"


@dataclass(frozen=True, slots=True)
class Known:
    """What the client's panel may read of a redemption; amounts in `currency`."""

    id: UUID
    state: str
    reason: str
    retry_at: datetime | None
    serial: str
    amount: Decimal | None
    currency: str
    voucher_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the PIN is taken. `told` is what anybody may know, `why` what staff may."""

    voucher: Voucher | None
    series: VoucherSeries | None
    told: str = ""
    why: str = ""


def request_redemption(
    session: Session, *, redemption_id: UUID, client_id: int, reseller_id: int, pin: str, ip: str
) -> UUID:
    """Write down that a client gave a PIN in its panel, and ask for the worker; its id.

    The same drawn form sent twice asks once, as does a second one while the first is open.
    Raises InvalidInputError for what is no PIN.
    """
    digits = voucher_pins.read_pin(pin)
    session.execute(
        _insert(redemption_id, client_id, reseller_id, "panel", digits, ip).on_conflict_do_nothing()
    )
    found = session.execute(
        select(VoucherRedemption.id, VoucherRedemption.reseller_id)
        .where(
            VoucherRedemption.client_id == client_id,
            (VoucherRedemption.id == redemption_id) | (VoucherRedemption.state == "requested"),
        )
        .order_by((VoucherRedemption.id == redemption_id).desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        raise ConflictError("This form was sent before. Load the page anew.")
    known_id: UUID = found.id
    jobs.enqueue(session, JOB, reseller_id=found.reseller_id, redemption_id=str(known_id))
    return known_id


def redeem_for(
    session: Session, *, redemption_id: UUID, client_id: int, pin: str
) -> tuple[VoucherRedemption, Verdict | None]:
    """Redeem a PIN for a client in the staff's name, at once; with the reason, where refused.

    The same drawn form sent twice redeems once; the verdict is None then. Raises
    InvalidInputError, NotFoundError.
    """
    digits = voucher_pins.read_pin(pin)
    client = get_client(session, client_id)
    made = session.scalar(
        _insert(redemption_id, client_id, client.reseller_id, "staff", digits, "")
        .on_conflict_do_nothing()
        .returning(VoucherRedemption.id)
    )
    if made is None and _find(session, redemption_id) is None:
        raise ConflictError("Another voucher of this client is being looked at. Try again.")
    return redeem(session, redemption_id)


def redeem(session: Session, redemption_id: UUID) -> tuple[VoucherRedemption, Verdict | None]:
    """Look at the PIN of an open redemption and post it, or say why not; one that is not open
    stays as it is. Raises NotFoundError.
    """
    redemption = _find(session, redemption_id)
    if redemption is None:
        raise NotFoundError("Redemption not found.")
    if redemption.state != "requested":
        return redemption, None
    client = get_client(session, redemption.client_id)
    keys = _keys(redemption)
    until = voucher_throttle.count_try(session, client.reseller_id, keys)
    if until is not None:
        _refuse(session, redemption, "wait", until)
        return redemption, Verdict(None, None, "wait", "wait")
    verdict = _judge(session, client, redemption.pin_hashes)
    if verdict.voucher is None or verdict.series is None or verdict.why:
        until = voucher_throttle.waits_until(session, client.reseller_id, keys)
        _refuse(session, redemption, verdict.told, until)
        return redemption, verdict
    _post(session, redemption, client, verdict.voucher, verdict.series)
    voucher_throttle.forgive(session, client.reseller_id, keys)
    return redemption, verdict


def list_known(session: Session, client_id: int, *, limit: int) -> list[Known]:
    """What the client has redeemed, newest first."""
    return _read(
        session, limit, VoucherRedemption.client_id == client_id,
        VoucherRedemption.state == "succeeded",
    )  # fmt: skip


def get_known(session: Session, client_id: int, redemption_id: UUID) -> Known:
    """Raises NotFoundError, also for another client's."""
    found = _read(
        session, 1, VoucherRedemption.client_id == client_id, VoucherRedemption.id == redemption_id
    )
    if not found:
        raise NotFoundError("Voucher not found.")
    return found[0]


def find_wait(session: Session, client_id: int) -> datetime | None:
    """Until when no PIN that the client gives is looked at, as far as it was told."""
    return session.scalar(
        select(func.max(VoucherRedemption.retry_at)).where(
            VoucherRedemption.client_id == client_id,
            VoucherRedemption.source == "panel",
            VoucherRedemption.retry_at > now(),
        )
    )


def list_waiting(session: Session, *, before: datetime, limit: int) -> list[tuple[UUID, int]]:
    """Redemptions whose job seems lost, of every tenant, with their resellers."""
    rows = session.execute(
        select(VoucherRedemption.id, VoucherRedemption.reseller_id)
        .where(VoucherRedemption.state == "requested", VoucherRedemption.created_at <= before)
        .order_by(VoucherRedemption.created_at)
        .limit(limit)
    )
    return [(row.id, row.reseller_id) for row in rows]


def delete_of_client(session: Session, client_id: int) -> None:
    """Who tried which PIN from where is kept no longer than the client itself."""
    session.execute(
        delete(VoucherRedemption)
        .where(VoucherRedemption.client_id == client_id)
        .execution_options(synchronize_session=False)
    )


def _find(session: Session, redemption_id: UUID) -> VoucherRedemption | None:
    return session.scalar(
        select(VoucherRedemption)
        .where(VoucherRedemption.id == redemption_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _insert(
    redemption_id: UUID, client_id: int, reseller_id: int, source: str, digits: str, ip: str
) -> Insert:
    return insert(VoucherRedemption).values(
        id=redemption_id,
        client_id=client_id,
        reseller_id=reseller_id,
        source=source,
        pin_hashes=voucher_pins.possible_hashes(reseller_id, digits),
        ip=ip[:64],
        author=current_actor().label,
        created_at=now(),
    )


def _keys(redemption: VoucherRedemption) -> list[Key]:
    """Staff are counted for themselves: what they try must not keep the client waiting."""
    actor = current_actor()
    if redemption.source == "staff":
        return voucher_throttle.keys_of(person="staff", person_id=actor.id or 0, ip="")
    return voucher_throttle.keys_of(
        person="client", person_id=redemption.client_id, ip=redemption.ip
    )


def _judge(session: Session, client: Client, hashes: list[str]) -> Verdict:
    found = session.execute(
        select(Voucher, VoucherSeries)
        .join(
            VoucherSeries,
            (VoucherSeries.reseller_id == Voucher.reseller_id)
            & (VoucherSeries.id == Voucher.series_id),
        )
        .where(Voucher.reseller_id == client.reseller_id, Voucher.pin_hash.in_(hashes))
        .with_for_update(of=Voucher)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        return Verdict(None, None, "not_valid", "unknown")
    voucher, series = found
    why = _why_not(voucher, series, client)
    # only who holds a card that is or was good, or has redeemed it, learns more than "not valid"
    told = why if why in ("own", "expired", "currency") else "not_valid"
    return Verdict(voucher, series, told if why else "", why)


def _why_not(voucher: Voucher, series: VoucherSeries, client: Client) -> str:
    if voucher.state == "redeemed":
        return "own" if voucher.client_id == client.id else "used"
    if voucher.state in ("new", "blocked"):
        return voucher.state
    if voucher.state == "expired" or (voucher.expires_at and voucher.expires_at <= now()):
        return "expired"
    if series.currency != client.currency:
        return "currency"
    return "deleted" if client.status == "deleted" else ""


def _refuse(
    session: Session, redemption: VoucherRedemption, told: str, until: datetime | None
) -> None:
    redemption.state, redemption.reason = "refused", told
    redemption.retry_at = until
    redemption.pin_hashes = []
    redemption.finished_at = now()
    session.flush()


def _post(
    session: Session,
    redemption: VoucherRedemption,
    client: Client,
    voucher: Voucher,
    series: VoucherSeries,
) -> None:
    serial = vouchers.serial_of(series, voucher.number)
    at = now()
    transactions.record_gateway_payment(
        session,
        source_id=voucher.id,
        client_id=client.id,
        amount=series.amount,
        currency=series.currency,
        payment_account_id=series.payment_account_id,
        description=f"Voucher {serial}",
        kind=EntryKind.VOUCHER,
    )
    voucher.state, voucher.client_id, voucher.redeemed_at = "redeemed", client.id, at
    voucher.changed_at, voucher.changed_by, voucher.reason = at, redemption.author, ""
    redemption.state, redemption.voucher_id = "succeeded", voucher.id
    redemption.serial, redemption.amount = serial, series.amount
    redemption.currency = series.currency
    redemption.pin_hashes = []
    redemption.finished_at = at
    session.flush()
    audit.record(
        session,
        reseller_id=voucher.reseller_id,
        client_id=client.id,
        action="redeem",
        object_type="voucher",
        object_id=voucher.id,
        object_label=serial,
        changes={
            "status": ("active", "redeemed"),
            "amount": (None, series.amount),
            "asked_by": (None, redemption.author),
        },
    )


def _read(session: Session, limit: int, *conditions: ColumnElement[bool]) -> list[Known]:
    rows = session.execute(
        select(
            VoucherRedemption.id,
            VoucherRedemption.state,
            VoucherRedemption.reason,
            VoucherRedemption.retry_at,
            VoucherRedemption.serial,
            VoucherRedemption.amount,
            VoucherRedemption.currency,
            VoucherRedemption.voucher_id,
            VoucherRedemption.created_at,
        )
        .where(*conditions)
        .order_by(VoucherRedemption.created_at.desc(), VoucherRedemption.id.desc())
        .limit(limit)
    )
    return [Known(*row) for row in rows]
