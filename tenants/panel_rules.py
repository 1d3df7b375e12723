"""What a reseller lets its clients do in their panel, and which refills it offers them.

A setting of the reseller: read by the panel, saved by staff with the stamp of what was shown.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from tenants import audit
from tenants.models import Reseller
from tenants.panel_models import PanelRules
from tenants.stamps import check_stamp, make_stamp

MOST_AMOUNTS = 6
HIGHEST_AMOUNT = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Rules:
    """What clients may do by themselves; as here where the reseller has said nothing.

    `refill_amounts`, ascending, are of a currency like USD or EUR; of one with smaller units (JPY)
    as many times more as its smallest refill is.
    """

    edits_contacts: bool = True
    edits_company: bool = False
    edits_tax_ids: bool = False
    switches_auto_payment: bool = True
    refill_amounts: tuple[Decimal, ...] = field(
        default=(Decimal(10), Decimal(25), Decimal(50), Decimal(100))
    )


def read_rules(session: Session, reseller_id: int) -> Rules:
    """The rules in force."""
    row = session.scalar(select(PanelRules).where(PanelRules.reseller_id == reseller_id))
    return Rules() if row is None else _rules_of(row)


def stamp_of(rules: Rules) -> str:
    """Tells what was shown; another one when anybody has changed the rules since."""
    return make_stamp(_facts(rules))


def save_rules(session: Session, reseller_id: int, wish: Rules, *, stamp: str) -> None:
    """Write and audit them; the same again changes nothing.

    Raises InvalidInputError at `refill_amounts`, ConflictError, NotFoundError.
    """
    # two people saving at once take turns, also before there is a row
    reseller = session.scalar(select(Reseller).where(Reseller.id == reseller_id).with_for_update())
    if reseller is None:
        raise NotFoundError("Reseller not found.")
    checked = Rules(**{**asdict(wish), "refill_amounts": _checked_amounts(wish.refill_amounts)})
    before = read_rules(session, reseller_id)
    changes = audit.differences(_facts(before), _facts(checked))
    if not changes:
        return
    check_stamp(stamp, _facts(before))
    values = {**asdict(checked), "refill_amounts": list(checked.refill_amounts)}
    session.execute(
        insert(PanelRules)
        .values(reseller_id=reseller_id, **values)
        .on_conflict_do_update(index_elements=["reseller_id"], set_=values)
    )
    audit.record(
        session,
        reseller_id=reseller_id,
        action="update",
        object_type="reseller",
        object_id=reseller_id,
        object_label=reseller.name,
        changes={f"panel_{name}": change for name, change in changes.items()},
    )


def _checked_amounts(amounts: Sequence[Decimal]) -> tuple[Decimal, ...]:
    found = tuple(sorted(set(amounts)))
    if not found:
        raise InvalidInputError("Enter at least one amount.", "refill_amounts")
    if len(found) > MOST_AMOUNTS:
        raise InvalidInputError(
            "Enter at most %(count)s amounts.", "refill_amounts", count=MOST_AMOUNTS
        )
    for amount in found:
        if not 1 <= amount <= HIGHEST_AMOUNT or amount != amount.quantize(Decimal("0.01")):
            raise InvalidInputError(
                "Enter amounts from 1 to 1000000 with at most two decimals.", "refill_amounts"
            )
    return found


def _rules_of(row: PanelRules) -> Rules:
    return Rules(
        row.edits_contacts,
        row.edits_company,
        row.edits_tax_ids,
        row.switches_auto_payment,
        tuple(row.refill_amounts),
    )


def _facts(rules: Rules) -> dict[str, object]:
    # 10 and 10.000000 are the same amount: what is stored has six decimals
    amounts = [format(one.normalize(), "f") for one in rules.refill_amounts]
    return {**asdict(rules), "refill_amounts": amounts}
