"""Usage on invoices: the charges of many hours to one destination are one line."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from core.money import EXACT


class _Charge(Protocol):
    """What is gathered of a charge; the rest is the first one's."""

    @property
    def id(self) -> UUID: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def description(self) -> str: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def tax_mode(self) -> str: ...
    @property
    def net(self) -> Decimal: ...
    @property
    def tax(self) -> Decimal: ...
    @property
    def total(self) -> Decimal: ...
    @property
    def dated_at(self) -> datetime: ...


C = TypeVar("C", bound=_Charge)


def gather_usage(charges: Sequence[C], zone: ZoneInfo, first_on: date) -> list[C]:
    """The charges with those of usage, which have a unit, summed up by destination, unit and
    taxability.

    Late usage, of days before `first_on`, is summed up by its day, which its line names. All other
    charges stay as they are; usage stands where its first charge stood, by destination.
    """
    sums: dict[tuple[object, ...], C] = {}
    for charge in charges:
        key: tuple[object, ...] = (charge.id,)
        if charge.unit is not None:
            day = charge.dated_at.astimezone(zone).date()
            late_on = day if day < first_on else None
            key = (charge.description, charge.unit, charge.tax_mode, late_on)
        known = sums.get(key)
        sums[key] = charge if known is None else _add(known, charge)
    return _by_destination(list(sums.values()))


def _by_destination(charges: list[C]) -> list[C]:
    places = [n for n, charge in enumerate(charges) if charge.unit is not None]
    usage = sorted((charges[n] for n in places), key=lambda one: (one.description, one.dated_at))
    for n, charge in zip(places, usage, strict=True):
        charges[n] = charge
    return charges


def _add(one: C, other: C) -> C:
    return replace(  # type: ignore[type-var]  # every charge is a frozen dataclass
        one,
        quantity=EXACT.add(one.quantity or Decimal(0), other.quantity or Decimal(0)),
        net=EXACT.add(one.net, other.net),
        tax=EXACT.add(one.tax, other.tax),
        total=EXACT.add(one.total, other.total),
    )
