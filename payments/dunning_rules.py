"""A reseller's calendar of retries: when a declined card is tried again, and when never.

The standard one is that of `domain.md` 8: after 1 hour, 1 day and 3 days; three declines in a row
suspend. Hours are hours; whole days are days of the client's own calendar, at the same time by its
clock or at an hour that the reseller has chosen.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from mail.letter_catalogue import Words
from payments.dunning_models import DunningRules
from payments.gateways.declines import HARD_KINDS, DeclineKind
from tenants import audit, resellers
from tenants.models import Reseller
from tenants.stamps import check_stamp

DAY_HOURS = 24
MOST_RETRIES = 10
LONGEST_HOURS = 31 * DAY_HOURS
_MOST_DECLINES = 10
_MOST_CODES = 50
_WORDS_LENGTH = 500

KIND_WORDS: Mapping[DeclineKind, tuple[str, str]] = {
    DeclineKind.INSUFFICIENT_FUNDS: (
        Words("The card does not cover the amount"),
        Words("Please make sure that there is money on it, or use another card."),
    ),
    DeclineKind.EXPIRED: (
        Words("The card has expired"),
        Words("Please save your new card."),
    ),
    DeclineKind.LOST_OR_STOLEN: (
        Words("The card was reported lost or stolen"),
        Words("Please use another card."),
    ),
    DeclineKind.INVALID_CARD: (
        Words("The card is not valid any more"),
        Words("Please save your card anew, or another one."),
    ),
    DeclineKind.NOT_SUPPORTED: (
        Words("This kind of card is not accepted"),
        Words("Please use another card."),
    ),
    DeclineKind.ADDRESS: (
        Words("The billing address does not match"),
        Words("Please save the card anew with the address that your bank knows."),
    ),
    DeclineKind.CODE: (
        Words("The card code does not match"),
        Words("Please save the card anew with the code that stands on it."),
    ),
    DeclineKind.FRAUD_CHECKS: (
        Words("Declined by the fraud checks"),
        Words("Please use another card, or write to us."),
    ),
    DeclineKind.CALL_BANK: (
        Words("The bank wants to be called"),
        Words("Please call your bank and ask it to accept the payment, or use another card."),
    ),
    DeclineKind.NOT_CONFIRMED: (
        Words("Not confirmed at the bank"),
        Words("Please pay in the client panel, where your bank can ask you to confirm it."),
    ),
    DeclineKind.BANK_TROUBLE: (
        Words("The bank could not process it"),
        Words("You need not do anything; if it stays so, please use another card."),
    ),
    DeclineKind.ACCOUNT_CLOSED: (
        Words("The bank account is closed or not valid"),
        Words("Please save another bank account, or a card."),
    ),
    DeclineKind.DEBIT_REFUSED: (
        Words("The owner of the bank account refused the debit"),
        Words("Please agree to the payment and save the bank account anew, or use a card."),
    ),
    DeclineKind.OTHER: (
        Words("Declined without a reason"),
        Words("Please ask your bank why, or use another card."),
    ),
}
"""For each kind: what it is called, and what the client is told to do."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`at_hour` None: retries of whole days keep the time of the day. `words` by kind."""

    retry_hours: tuple[int, ...] = (1, DAY_HOURS, 3 * DAY_HOURS)
    at_hour: int | None = None
    declines_to_suspend: int = 3
    stop_kinds: frozenset[str] = frozenset()
    stop_codes: tuple[str, ...] = ()
    expiry_days: int = 14
    words: Mapping[str, str] = field(default_factory=dict)

    def stops(self, kind: DeclineKind, code: str) -> bool:
        """Whether such a decline is never tried again, whatever the calendar says."""
        return kind in HARD_KINDS or kind.value in self.stop_kinds or code in self.stop_codes

    def next_try(self, tries_in_vain: int, at: datetime, zone: ZoneInfo) -> datetime:
        """When to try again after so many tries in vain (1 is the first); the last wait repeats."""
        place = min(max(tries_in_vain, 1), len(self.retry_hours)) - 1
        hours = self.retry_hours[place]
        if hours % DAY_HOURS:
            return at + timedelta(hours=hours)
        local = at.astimezone(zone) + timedelta(days=hours // DAY_HOURS)
        if self.at_hour is not None:
            local = local.replace(hour=self.at_hour, minute=0, second=0, microsecond=0, fold=0)
        # a time that clocks skip is read an hour later, one that they show twice the first time
        return max(local.astimezone(UTC), at + timedelta(hours=1))

    def advice(self, kind: DeclineKind) -> str:
        """The reseller's own words, else empty."""
        return self.words.get(kind.value, "")

    def facts(self) -> dict[str, object]:
        """Plain values, for stamps and the audit log."""
        found = asdict(self)
        found["stop_kinds"] = sorted(self.stop_kinds)
        return found


def rules_of(session: Session, reseller_id: int) -> Rules:
    """What holds for the reseller's clients: its own rules, or the standard ones."""
    row = session.scalar(
        select(DunningRules)
        .where(DunningRules.reseller_id == reseller_id)
        .execution_options(populate_existing=True)
    )
    if row is None:
        return Rules()
    return Rules(
        tuple(row.retry_hours),
        row.at_hour,
        row.declines_to_suspend,
        frozenset(row.stop_kinds),
        tuple(row.stop_codes),
        row.expiry_days,
        dict(row.words),
    )


def save_rules(session: Session, reseller_id: int, wish: Rules, *, stamp: str) -> None:
    """Replace the reseller's rules; `stamp` is that of the facts that the form was drawn from.

    What is planned already stays planned. Raises InvalidInputError naming the field, NotFoundError,
    ConflictError when somebody saved meanwhile.
    """
    reseller = resellers.get_reseller(session, reseller_id)
    _check(wish)
    # the reseller's row is the lock: two who save at once follow each other
    session.execute(select(Reseller.id).where(Reseller.id == reseller_id).with_for_update())
    before = rules_of(session, reseller_id)
    if before == wish:
        return
    check_stamp(stamp, before.facts())
    values = {
        "retry_hours": list(wish.retry_hours),
        "at_hour": wish.at_hour,
        "declines_to_suspend": wish.declines_to_suspend,
        "stop_kinds": sorted(wish.stop_kinds),
        "stop_codes": list(wish.stop_codes),
        "expiry_days": wish.expiry_days,
        "words": dict(wish.words),
        "updated_at": now(),
    }
    session.execute(
        insert(DunningRules)
        .values(reseller_id=reseller_id, **values)
        .on_conflict_do_update(index_elements=["reseller_id"], set_=values)
    )
    audit.record(
        session,
        reseller_id=reseller_id,
        action="update",
        object_type="dunning_rules",
        object_id=reseller_id,
        object_label=reseller.name,
        changes=audit.differences(_told(before), _told(wish)),
    )


def _told(rules: Rules) -> dict[str, object]:
    found = rules.facts()
    for name in ("retry_hours", "stop_kinds", "stop_codes"):
        found[name] = ", ".join(map(str, found[name]))  # type: ignore[call-overload]
    found["words"] = "\n".join(f"{kind}: {text}" for kind, text in sorted(rules.words.items()))
    return found


def _check(wish: Rules) -> None:
    if not 1 <= len(wish.retry_hours) <= MOST_RETRIES:
        raise InvalidInputError("Write from 1 to %(count)s waits.", "retries", count=MOST_RETRIES)
    if not all(1 <= hours <= LONGEST_HOURS for hours in wish.retry_hours):
        raise InvalidInputError("A wait is from 1 hour to 31 days.", "retries")
    if wish.at_hour is not None and not 0 <= wish.at_hour <= 23:
        raise InvalidInputError("Choose an hour of the day.", "at_hour")
    if not 1 <= wish.declines_to_suspend <= _MOST_DECLINES:
        raise InvalidInputError(
            "Enter a number from 1 to %(count)s.", "declines_to_suspend", count=_MOST_DECLINES
        )
    if not 1 <= wish.expiry_days <= 60:
        raise InvalidInputError("Enter a number of days from 1 to 60.", "expiry_days")
    codes = wish.stop_codes
    if len(codes) > _MOST_CODES or not all(
        0 < len(code) <= 60 and code.replace("_", "").isalnum() and code.isascii() for code in codes
    ):
        raise InvalidInputError(
            "Write the gateway's codes with commas, for example 4, 41.", "codes"
        )
    known = {kind.value for kind in DeclineKind}
    if not (wish.stop_kinds | set(wish.words)) <= known:
        raise InvalidInputError("There is no such kind of decline.", "stop_kinds")
    for kind, text in wish.words.items():
        if not 0 < len(text) <= _WORDS_LENGTH:
            raise InvalidInputError(
                "Write at most %(count)s characters.", f"words_{kind}", count=_WORDS_LENGTH
            )
