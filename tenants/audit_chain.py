"""The chain of a reseller's audit log: each record's seal depends on all before it.

Writers of records wait for nobody: a record is written without a seal, and `seal_records` chains
what is committed a few seconds later, in the order in which it finds it. What the chain proves, and
what it cannot, stands in docs/decisions/0026-audit-chain.md.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, func, insert, or_, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from core.clock import now
from core.db import Session
from tenants import events
from tenants.models import AuditRecord
from tenants.record_models import AuditChain, AuditCheck

GENESIS = "0" * 64
"""What the first record follows."""
BATCH = 2000
LATE_AFTER = timedelta(minutes=10)
"""A record without a seal that is older: nobody seals."""
_log = structlog.get_logger(__name__)

_SEAL = text(
    "update audit_log set seal_no = s.no, seal_hash = s.hash"
    " from unnest(cast(:ids as bigint[]), cast(:numbers as bigint[]), cast(:hashes as text[]))"
    " as s(id, no, hash)"
    " where audit_log.id = s.id and audit_log.reseller_id = :reseller_id"
)


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What a walk over the whole chain found; `finding` is empty when it holds.

    Its `kind`: `changed` (the record of that number was altered), `missing` (records before this
    one are gone), `cut` (records at the end are gone), `rewritten` (an earlier proof saw another
    chain). `waiting`: records that have been without a seal for too long.
    """

    reseller_id: int
    at: datetime
    seal_no: int
    seal_hash: str
    waiting: int
    finding: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.finding


def hash_record(previous: str, record: AuditRecord, seal_no: int) -> str:
    """SHA-256 of the hash before, a line break, and the record as JSON with sorted keys.

    The same from any program that reads the columns; instants are UTC with six decimals.
    """
    facts = {
        "seal_no": seal_no,
        "id": record.id,
        "reseller_id": record.reseller_id,
        "client_id": record.client_id,
        "at": record.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": record.actor_kind,
        "actor_id": record.actor_id,
        "actor_label": record.actor_label,
        "on_behalf_of": record.on_behalf_of,
        "ip": record.ip,
        "action": record.action,
        "object_type": record.object_type,
        "object_id": record.object_id,
        "object_label": record.object_label,
        "changes": record.changes,
    }
    line = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{line}".encode()).hexdigest()


def seal_records(session: Session, reseller_id: int, *, limit: int = BATCH) -> int:
    """Chain up to `limit` committed records that have no seal yet; how many there were.

    Sealers of one reseller follow one another by the lock on its chain; writers never wait.
    """
    session.execute(
        upsert(AuditChain)
        .values(reseller_id=reseller_id, seal_no=0, seal_hash=GENESIS)
        .on_conflict_do_nothing()
    )
    chain = session.scalars(
        select(AuditChain)
        .where(AuditChain.reseller_id == reseller_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    records = session.scalars(
        select(AuditRecord)
        .where(AuditRecord.reseller_id == reseller_id, AuditRecord.seal_no.is_(None))
        .order_by(AuditRecord.id)
        .limit(limit)
    ).all()
    if not records:
        return 0
    number, last = chain.seal_no, chain.seal_hash
    numbers, hashes = [], []
    for record in records:
        number += 1
        last = hash_record(last, record, number)
        numbers.append(number)
        hashes.append(last)
    session.execute(
        _SEAL,
        {
            "ids": [record.id for record in records],
            "numbers": numbers,
            "hashes": hashes,
            "reseller_id": reseller_id,
        },
    )
    for record in records:
        session.expunge(record)
    chain.seal_no, chain.seal_hash, chain.sealed_at = number, last, now()
    session.flush()
    return len(records)


def verify_chain(session: Session, reseller_id: int) -> ChainCheck:
    """Walk over the whole chain and say where it first breaks; reads every record."""
    head = session.execute(
        select(AuditChain.seal_no, AuditChain.seal_hash).where(
            AuditChain.reseller_id == reseller_id
        )
    ).one_or_none()
    head_no, head_hash = (0, GENESIS) if head is None else head
    last_no, last_hash, finding = _walk(session, reseller_id, head_no)
    if not finding and (last_no, last_hash) != (head_no, head_hash):
        finding = {"kind": "cut", "seal_no": last_no + 1, "until": head_no}
    if not finding:
        finding = _find_other_past(session, reseller_id, head_no)
    waiting = session.scalar(
        select(func.count())
        .select_from(AuditRecord)
        .where(
            AuditRecord.reseller_id == reseller_id,
            AuditRecord.seal_no.is_(None),
            AuditRecord.at < now() - LATE_AFTER,
        )
    )
    return ChainCheck(reseller_id, now(), last_no, last_hash, waiting or 0, finding)


def check_chain(session: Session, reseller_id: int) -> ChainCheck:
    """Verify the chain and keep the result; a broken chain also makes an event."""
    check = verify_chain(session, reseller_id)
    session.execute(
        insert(AuditCheck).values(
            reseller_id=reseller_id,
            at=check.at,
            ok=check.ok,
            seal_no=check.seal_no,
            seal_hash=check.seal_hash,
            waiting=check.waiting,
            finding=check.finding,
        )
    )
    # logs are kept elsewhere: whoever rewrites the database does not rewrite them
    _log.info(
        "audit.checked",
        reseller_id=reseller_id,
        ok=check.ok,
        seal_no=check.seal_no,
        seal_hash=check.seal_hash,
        finding=check.finding,
    )
    if check.finding:
        events.record(
            session,
            reseller_id=reseller_id,
            level="error",
            service="audit",
            code="audit_chain_broken",
            text=events.EventText(
                "The audit log was tampered with: its chain breaks at seal %(number)s.",
                number=check.finding["seal_no"],
            ),
            dedupe_key=f"audit-chain:{check.finding['kind']}:{check.finding['seal_no']}",
        )
    return check


def find_last_check(session: Session, reseller_id: int) -> AuditCheck | None:
    """The newest stored result; None when the chain was never verified."""
    return session.scalar(
        select(AuditCheck)
        .where(AuditCheck.reseller_id == reseller_id)
        .order_by(AuditCheck.id.desc())
        .limit(1)
    )


def find_anchor(session: Session, reseller_id: int, head: Mapping[str, Any]) -> dict[str, Any]:
    """A finding when the chain no longer holds a head that was taken of it earlier; else empty."""
    seal_no, seal_hash = int(head["seal_no"]), str(head["seal_hash"])
    if seal_no == 0:
        return {}
    found = session.scalar(
        select(AuditRecord.seal_hash).where(
            AuditRecord.reseller_id == reseller_id, AuditRecord.seal_no == seal_no
        )
    )
    return {} if found == seal_hash else {"kind": "rewritten", "seal_no": seal_no}


def _walk(session: Session, reseller_id: int, head_no: int) -> tuple[int, str, dict[str, Any]]:
    """Number and hash of the last good record, and where the chain breaks if it does."""
    number, last = 0, GENESIS
    while True:
        records = session.scalars(
            select(AuditRecord)
            .where(
                AuditRecord.reseller_id == reseller_id,
                AuditRecord.seal_no > number,
                # what is sealed while we walk is for the next check
                AuditRecord.seal_no <= head_no,
            )
            .order_by(AuditRecord.seal_no)
            .limit(BATCH)
            .execution_options(populate_existing=True)
        ).all()
        for record in records:
            found = record.seal_no or 0
            if found != number + 1:
                finding = {"kind": "missing", "seal_no": number + 1, "until": found - 1}
                return number, last, {**finding, "record_id": record.id}
            if hash_record(last, record, found) != record.seal_hash:
                return number, last, {"kind": "changed", "seal_no": found, "record_id": record.id}
            number, last = found, record.seal_hash
            session.expunge(record)
        if len(records) < BATCH:
            return number, last, {}


def _find_other_past(session: Session, reseller_id: int, head_no: int) -> dict[str, Any]:
    """An earlier good proof whose last record is another one today, or is gone."""
    row = session.execute(
        select(AuditCheck.seal_no)
        .outerjoin(
            AuditRecord,
            and_(
                AuditRecord.reseller_id == AuditCheck.reseller_id,
                AuditRecord.seal_no == AuditCheck.seal_no,
            ),
        )
        .where(
            AuditCheck.reseller_id == reseller_id,
            AuditCheck.ok,
            AuditCheck.seal_no > 0,
            or_(
                AuditCheck.seal_no > head_no,
                AuditRecord.seal_hash.is_distinct_from(AuditCheck.seal_hash),
            ),
        )
        .order_by(AuditCheck.seal_no)
        .limit(1)
    ).first()
    return {} if row is None else {"kind": "rewritten", "seal_no": row.seal_no}
