"""What must be true after the faults (reliability C3, what of it touches payments)."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from core.invariants import check_rule
from core.platform_uow import platform_unit_of_work
from tests.faults.crowd import BROKEN, FORGED, Crowd
from tests.faults.rig import Rig
from tests.payments.till import Till
from worker.sweeps.invariants import list_rules
from worker.sweeps.mail import find_waiting_mail
from worker.sweeps.payments import (
    find_due_clients,
    find_unhandled_events,
    find_waiting_rechecks,
    find_waiting_refills,
    find_waiting_refunds,
)
from worker.sweeps.tenants import find_unsealed

SETTLE_S = 120
_OPEN = (
    ("refills", "state in ('requested', 'processing', 'unknown', 'held')"),
    ("refunds", "state in ('requested', 'processing', 'unknown')"),
    ("gateway_events", "handled_at is null"),
    ("mail_messages", "state <> 'sent'"),
    ("audit_log", "reseller_id is not null and seal_no is null"),
)
# Waits that nobody sits through here, and what a moved clock has put far ahead. Leases keep their
# full length, counted from now where it was written by a clock that was ahead.
_HURRY = (
    "update refills set next_look_at = now()"
    " where next_look_at > now() + interval '5 seconds' or state = 'requested'",
    "update refunds set next_look_at = now()"
    " where next_look_at > now() + interval '5 seconds' or state = 'requested'",
    "update gateway_events set next_look_at = now() where handled_at is null",
    "update mail_messages set next_attempt_at = now() - interval '1 minute' where state = 'queued'",
    "update mail_messages set lease_until = now() where state = 'sending'"
    " and lease_until > now() + interval '10 seconds'",
    "update refunds set lease_until = now() + interval '3 seconds'"
    " where lease_until > now() + interval '3 seconds'",
    "update charge_attempts a set lease_until = now() + interval '3 seconds' from refills r"
    " where r.id = a.refill_id and r.method = 'saved_card'"
    " and a.lease_until > now() + interval '3 seconds'",
    "update charge_attempts set last_sent_at = now() where last_sent_at > now()",
)
# A page that nobody paid lapses in half an hour: here at once, when all that was paid is known.
_LAPSE = (
    "update charge_attempts a set lease_until = now() - interval '1 hour',"
    " last_sent_at = now() - interval '2 hours', looked_at = null from refills r"
    " where r.id = a.refill_id and r.method = 'hosted_page' and a.state in ('sending', 'unknown')"
)


@dataclass
class Account:
    """What a round comes to."""

    counts: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)


def sweep(*, auto_payment: bool = True) -> None:
    """The clock's work, at once."""
    with platform_unit_of_work() as session:
        find_waiting_refills(session)
        find_waiting_refunds(session)
        find_unhandled_events(session)
        find_waiting_rechecks(session)
        find_waiting_mail(session)
        find_unsealed(session)
        if auto_payment:
            find_due_clients(session)


def settle(rig: Rig) -> list[str]:
    """Sweep until nothing is open; what still is after two minutes."""
    end = time.monotonic() + SETTLE_S
    lapse_at = time.monotonic() + 8
    while left := _list_open(rig):
        if time.monotonic() > end:
            return left
        for statement in _HURRY:
            rig.execute(statement)
        if time.monotonic() > lapse_at:
            rig.execute(_LAPSE)
            # the gateway's day ends too: until then it gives back nothing of what it took since
            rig.sandbox.control("settle")
            lapse_at = time.monotonic() + 8
        with suppress(*BROKEN):
            sweep(auto_payment=False)
        time.sleep(0.5)
    return []


def _list_open(rig: Rig) -> list[str]:
    told = []
    with rig.connect() as connection:
        for table, is_open in _OPEN:
            statement = f"select to_jsonb(t)::text from {table} t where {is_open}"
            for (row,) in connection.execute(statement).fetchall():  # type: ignore[arg-type]
                told.append(f"open, {table}: {row}")
    return told


def prove(rig: Rig, crowd: Crowd) -> Account:
    """Every rule; a breach says what to look at."""
    account = Account()
    account.breaches += [*_broken_rules(), *_lost(rig, crowd), *_forged(rig), *_deadlocks(rig)]
    for gateway, till in crowd.tills.items():
        account.breaches += [f"{gateway}: {one}" for one in _differences(rig, till, account)]
        if not till.books_are_right():
            account.breaches.append(f"{gateway}: the ledger of {till.tenant.name} does not balance")
    account.breaches += _mails(rig, crowd, account)
    return account


def _broken_rules() -> Iterator[str]:
    """The rules that the product itself asks each hour."""
    for rule in list_rules():
        with platform_unit_of_work() as session:
            for finding in check_rule(session, rule):
                first = ", ".join(finding.objects)
                yield f"rule {rule.name}: {finding.count} of {finding.reseller_id}, {first}"


def _lost(rig: Rig, crowd: Crowd) -> Iterator[str]:
    """What somebody was told of is there."""
    with rig.connect() as connection:
        known = {row[0] for row in connection.execute("select id from refills").fetchall()}
    for refill_id in crowd.accepted - known:
        yield f"refill {refill_id} was accepted and is not there"


def _forged(rig: Rig) -> Iterator[str]:
    with rig.connect() as connection:
        found = connection.execute(
            "select count(*) from gateway_events where event_id = %s", (FORGED,)
        ).fetchone()
    if found != (0,):
        yield "an event of a stranger was stored"


def _deadlocks(rig: Rig) -> Iterator[str]:
    """Locks are taken in one order: PostgreSQL has never had to end a wait in a ring."""
    lines = rig.postgres.log.read_text(errors="replace").splitlines()
    for number, line in enumerate(lines):
        if "deadlock detected" in line:
            yield "\n    ".join(lines[number : number + 12])


def _differences(rig: Rig, till: Till, account: Account) -> Iterator[str]:
    """The gateway's set of charges is ours, in both directions, and so is the sum of the money."""
    charges = till.merchant.charges()
    taken = [one for one in charges if _is_charge(one)]
    given = sum((Decimal(str(one["amount"])) for one in charges if _is_refund(one)), Decimal(0))
    keys = Counter(str(one["key"]) for one in taken)
    with rig.connect() as connection:
        ours = connection.execute(
            "select a.key, r.id, r.credited, r.returned,"
            " (select count(*) from ledger_entries e where e.kind = 'refill'"
            "   and e.reseller_id = r.reseller_id and e.source_id = r.id)"
            " from refills r left join charge_attempts a on a.reseller_id = r.reseller_id"
            "   and a.refill_id = r.id and a.state = 'succeeded'"
            " where r.reseller_id = %s and r.state = 'succeeded'",
            (till.tenant.id,),
        ).fetchall()
        rows = connection.execute(
            "select state, count(*) from refills where reseller_id = %s group by state",
            (till.tenant.id,),
        ).fetchall()
    account.counts.update({f"refills {state}": count for state, count in rows})  # type: ignore[misc]
    account.counts["refills"] += sum(count for _, count in rows)  # type: ignore[misc]
    account.counts["charges"] += len(taken)
    account.counts["postings"] += sum(row[4] for row in ours)  # type: ignore[misc]
    account.counts["refunds"] += len([one for one in charges if _is_refund(one)])
    for key, count in keys.items():
        if count > 1:
            yield f"charged {count} times under {key}: {_of(charges, key)}"
    for key in set(keys) - {row[0] for row in ours}:
        yield f"charged and not booked under {key}: {_of(charges, key)}"
    for key, refill_id, *_ in ours:
        if key not in keys:
            yield f"booked and not charged: refill {refill_id}, attempt {key}"
    for _, refill_id, _, _, postings in ours:
        if postings != 1:
            yield f"refill {refill_id} has {postings} postings"
    at_gateway = sum((Decimal(str(one["amount"])) for one in taken), Decimal(0)) - given
    booked = sum((row[2] - row[3] for row in ours), Decimal(0))  # type: ignore[operator]
    if at_gateway != booked:
        yield f"the gateway has {at_gateway}, the books say {booked}"


def _is_refund(one: dict[str, object]) -> bool:
    if one.get("is_refund"):
        return one["status"] == "succeeded"
    return one.get("type") == "refundTransaction" and one["status"] != "voided"


def _is_charge(one: dict[str, object]) -> bool:
    """Taken, also when it was voided later (then its amount is zero)."""
    if one.get("is_refund") or one.get("type") == "refundTransaction":
        return False
    return one["status"] in ("capturedPendingSettlement", "settledSuccessfully", "voided")


def _of(charges: list[dict[str, object]], key: str) -> list[tuple[object, object, object]]:
    return [(one["ref"], one["status"], one["amount"]) for one in charges if one["key"] == key]


def _mails(rig: Rig, crowd: Crowd, account: Account) -> Iterator[str]:
    """One letter for each payment, each arrived; twice only where the answer was lost."""
    ids = [till.tenant.id for till in crowd.tills.values()]
    with rig.connect() as connection:
        unwritten = connection.execute(
            "select r.id from refills r where r.reseller_id = any(%s) and r.state = 'succeeded'"
            " and (select count(*) from mail_messages m where m.reseller_id = r.reseller_id"
            "   and m.kind in ('payment', 'auto_payment')"
            "   and m.dedupe_key like '%%' || r.id || '%%') < 1",
            (ids,),
        ).fetchall()
        sent = connection.execute(
            "select message_id, attempts from mail_messages where reseller_id = any(%s)", (ids,)
        ).fetchall()
    yield from (f"no mail about refill {row[0]}" for row in unwritten)
    arrived = Counter(one.message_id for one in rig.mailbox.messages())
    account.counts["mails"] += len(sent)
    for message_id, attempts in sent:
        if not 1 <= arrived[str(message_id)] <= int(str(attempts)):
            yield f"mail {message_id} arrived {arrived[str(message_id)]} times in {attempts} tries"
