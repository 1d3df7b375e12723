"""Invoice numbers: running, without gaps, written by a template of the reseller.

`%N` running number, `%Y %m %d` the invoice's date, `%X` the client's id, `%%` a percent sign.
"""

import re
from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, cast, func, select, update
from sqlalchemy.dialects.postgresql import insert

from billing.invoice_models import Invoice, NumberSeries
from billing.suretax_models import SureTaxAccount
from billing.suretax_rules import INVOICE_NUMBER_LENGTH
from core.db import Session
from core.errors import InvalidInputError, InvariantError
from tenants import audit
from tenants.models import Reseller
from tenants.stamps import check_stamp

DEFAULT_TEMPLATE = "INV-%Y-%N"
CREDIT_NOTES = "credit_note"
"""The series of credit notes, which have numbers of their own."""
_DEFAULTS = {CREDIT_NOTES: "CN-%Y-%N"}
NUMBER_LENGTH = 200
_CODE = re.compile(r"%(.?)")
# Nothing but digits between the two: client 10 number 11 and client 101 number 1 look the same.
_AMBIGUOUS = re.compile(r"%X(?:\d|%[Ymd])*%N|%N(?:\d|%[Ymd])*%X")
# What the codes can take at most: a running number and a client's id of 19 digits each.
_LONGEST = {"N": 19, "X": 19, "Y": 4, "m": 2, "d": 2, "%": 1}
SURETAX_LENGTH = INVOICE_NUMBER_LENGTH
# a billion invoices and as many clients: more digits than will ever come would leave no room
_SURETAX_LONGEST = _LONGEST | {"N": 10, "X": 10}


@dataclass(frozen=True, slots=True)
class Number:
    """One number taken: `running` has no gaps, `text` is what stands on the invoice."""

    running: int
    text: str


def take_number(
    session: Session, *, reseller_id: int, client_id: int, invoice_on: date, direction: str
) -> Number:
    """The next number of the series; given back when the caller's transaction is rolled back.

    Locks the series until the transaction ends, so take it as late as possible.
    """
    taken = _take(session, reseller_id, direction)
    if taken is None:
        session.execute(
            insert(NumberSeries)
            .values(
                reseller_id=reseller_id,
                direction=direction,
                template=_DEFAULTS.get(direction, DEFAULT_TEMPLATE),
            )
            .on_conflict_do_nothing()
        )
        taken = _take(session, reseller_id, direction)
    if taken is None:
        raise InvariantError("a number series vanished")
    running, template = taken
    return Number(running, format_number(template, running, client_id, invoice_on))


def format_number(template: str, running: int, client_id: int, invoice_on: date) -> str:
    """The template with its codes filled in."""
    values = {
        "N": str(running),
        "X": str(client_id),
        "Y": f"{invoice_on.year:04}",
        "m": f"{invoice_on.month:02}",
        "d": f"{invoice_on.day:02}",
        "%": "%",
    }
    return _CODE.sub(lambda code: values[code[1]], template)


def get_template(session: Session, reseller_id: int, direction: str = "outgoing") -> str:
    """The template in force."""
    return read_series(session, reseller_id, direction).template


@dataclass(frozen=True, slots=True)
class Series:
    """How numbers look, and which one comes next; `suretax`: they keep to what SureTax takes."""

    template: str
    suretax: bool
    next_number: int


def read_series(session: Session, reseller_id: int, direction: str = "outgoing") -> Series:
    """The series in force; the default one before the first number is taken."""
    row = session.execute(
        select(NumberSeries.template, NumberSeries.suretax, NumberSeries.next_number).where(
            NumberSeries.reseller_id == reseller_id, NumberSeries.direction == direction
        )
    ).one_or_none()
    default = _DEFAULTS.get(direction, DEFAULT_TEMPLATE)
    return Series(default, False, 1) if row is None else Series(*row)


def save_template(
    session: Session,
    *,
    reseller_id: int,
    template: str,
    suretax: bool = False,
    direction: str = "outgoing",
) -> None:
    """Change how the next numbers look; the running number goes on. Raises InvalidInputError.

    Where SureTax is in use the numbers of outgoing invoices keep to what it takes in any case.
    """
    suretax = suretax or (direction == "outgoing" and _uses_suretax(session, reseller_id))
    template = check_template(template, suretax=suretax)
    before = read_series(session, reseller_id, direction)
    if template != before.template:
        _check_unused(session, reseller_id, template, direction, before.next_number)
    session.execute(
        insert(NumberSeries)
        .values(reseller_id=reseller_id, direction=direction, template=template, suretax=suretax)
        .on_conflict_do_update(
            index_elements=["reseller_id", "direction"],
            set_={"template": template, "suretax": suretax},
        )
    )
    changes = audit.differences(
        {"template": before.template, "suretax": before.suretax},
        {"template": template, "suretax": suretax},
    )
    if changes:
        audit.record(
            session,
            reseller_id=reseller_id,
            action="update",
            object_type="number_series",
            object_id=direction,
            changes=changes,
        )


def update_series(
    session: Session, *, reseller_id: int, template: str, suretax: bool, stamp: str
) -> None:
    """Save as `save_template` does, if nobody has changed the series since `stamp` was made.

    Raises InvalidInputError, ConflictError.
    """
    # the reseller's row is the lock: the series may not exist yet
    session.execute(select(Reseller.id).where(Reseller.id == reseller_id).with_for_update())
    known = read_series(session, reseller_id)
    before = {"template": known.template, "suretax": known.suretax}
    if before == {"template": template.strip(), "suretax": suretax}:
        return
    check_stamp(stamp, before)
    save_template(session, reseller_id=reseller_id, template=template, suretax=suretax)


def check_template(template: str, *, suretax: bool = False) -> str:
    """The template without outer spaces; raises InvalidInputError when it cannot number.

    With `suretax` also when a number could have anything but Latin letters and digits, or more
    than 40 of them.
    """
    template = template.strip()
    codes = _CODE.findall(template)
    if any(code not in _LONGEST for code in codes):
        raise InvalidInputError("Use only %N, %Y, %m, %d, %X and %%.", "template")
    if codes.count("N") != 1:
        raise InvalidInputError("The template needs %N, the running number, once.", "template")
    if _AMBIGUOUS.search(template):
        raise InvalidInputError("Put a letter or a dash between %N and %X.", "template")
    longest = len(_CODE.sub("", template)) + sum(_LONGEST[code] for code in codes)
    if longest > NUMBER_LENGTH:
        raise InvalidInputError(
            "A number has at most %(count)s characters.", "template", count=NUMBER_LENGTH
        )
    if not template.isprintable():
        raise InvalidInputError("Use letters, digits and signs only.", "template")
    if suretax:
        _check_suretax(template)
    return template


def _uses_suretax(session: Session, reseller_id: int) -> bool:
    found = session.scalar(
        select(SureTaxAccount.reseller_id).where(
            SureTaxAccount.reseller_id == reseller_id, SureTaxAccount.enabled
        )
    )
    return found is not None


def _check_unused(
    session: Session, reseller_id: int, template: str, direction: str, next_number: int
) -> None:
    """Refuse a template that will give a number which an invoice has already."""
    parts = re.split(r"%(.)", template)
    widths = {"N": r"(\d{1,18})", "X": r"\d+", "Y": r"\d{4}", "m": r"\d\d", "d": r"\d\d", "%": "%"}
    pattern = "".join(
        widths[part] if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
    taken = session.scalar(
        select(Invoice.number)
        .where(
            Invoice.reseller_id == reseller_id,
            Invoice.direction == direction,
            cast(func.substring(Invoice.number, f"^{pattern}$"), BigInteger) >= next_number,
        )
        .limit(1)
    )
    if taken is not None:
        raise InvalidInputError(
            "Some day this would give the number %(number)s again, which an invoice has. Put a"
            " letter before it.",
            "template",
            number=taken,
        )


def _check_suretax(template: str) -> None:
    fixed = _CODE.sub("", template)
    codes = _CODE.findall(template)
    if not (fixed.isascii() and (fixed.isalnum() or not fixed)) or "%" in codes:
        raise InvalidInputError("SureTax takes Latin letters and digits only.", "template")
    if len(fixed) + sum(_SURETAX_LONGEST[code] for code in codes) > SURETAX_LENGTH:
        raise InvalidInputError(
            "SureTax takes at most %(count)s characters in a number.",
            "template",
            count=SURETAX_LENGTH,
        )


def _take(session: Session, reseller_id: int, direction: str) -> tuple[int, str] | None:
    row = session.execute(
        update(NumberSeries)
        .where(NumberSeries.reseller_id == reseller_id, NumberSeries.direction == direction)
        .values(next_number=NumberSeries.next_number + 1)
        .returning(NumberSeries.next_number - 1, NumberSeries.template)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if row is None else (row[0], row[1])
