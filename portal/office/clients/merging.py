"""Two values for one field: the person's own, and that of a colleague or of a template.

The table above the form shows them side by side; a button a row puts one of them into the form,
which alone is what gets saved. What is offered travels with the form, for nothing is saved yet.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from core.db import Session
from portal.formatting import instant
from portal.office.clients.form_values import (
    Raw,
    Shown,
    as_raw,
    is_compared,
    is_same,
    put_in,
    raw_value,
    read_object,
    shown_value,
)
from portal.office.clients.forms import ClientForms
from tenants.models import AuditRecord, Client

Kind = Literal["colleague", "template"]
Make = Callable[[MultiDict[str, str]], ClientForms]


@dataclass(slots=True)
class Offer:
    """Fields with two values, and who gave the other one."""

    kind: Kind
    mine: Raw
    other: Raw
    who: dict[str, str]

    def to_text(self) -> str:
        return json.dumps(
            {"kind": self.kind, "mine": self.mine, "other": self.other, "who": self.who},
            ensure_ascii=False,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One field as the table shows it; `holds` says which value the form has now."""

    field_id: str
    label: str
    mine: str
    other: str
    who: str
    holds: Literal["mine", "other", "neither"]


def read_offer(text: str | None) -> Offer | None:
    """What travelled with the form, if anything did."""
    found = read_object(text)
    mine, other = as_raw(found.get("mine")), as_raw(found.get("other"))
    who = found.get("who")
    named = who if isinstance(who, dict) else {}
    if (
        found.get("kind") not in ("colleague", "template")
        or not mine
        or mine.keys() != other.keys()
    ):
        return None
    told = {str(name): str(value)[:300] for name, value in named.items()}
    return Offer("colleague" if found["kind"] == "colleague" else "template", mine, other, told)


def merge(
    sent: MultiDict[str, str],
    mine: ClientForms,
    theirs: ClientForms,
    shown: Shown | None,
    make: Make,
) -> tuple[MultiDict[str, str], Offer | None]:
    """The form again after a colleague saved first, and the fields in which the two differ.

    A field that only the colleague changed takes the colleague's value; where both changed it, the
    person's own stays in the form until they choose. Without knowing what the form had shown,
    every difference is one that both made.
    """
    base = None if shown is None else make(put_in(sent, shown.values))
    offer = Offer("colleague", {}, {}, {})
    taken: Raw = {}
    for one in mine:
        other = theirs.get_field(one.id)
        if other is None or not is_compared(one) or not mine.is_writable(one.id):
            continue
        if is_same(one, other):
            continue
        before = None if base is None else base.get_field(one.id)
        if before is not None and is_same(before, other):
            continue  # only this person changed it: nothing to choose
        offer.mine[one.id], offer.other[one.id] = sent.getlist(one.id), raw_value(other)
        if before is not None and is_same(before, one):
            taken[one.id] = raw_value(other)
    return put_in(sent, taken), offer if offer.mine else None


def choose(sent: MultiDict[str, str], offer: Offer, choice: str) -> MultiDict[str, str]:
    """The form with one of the two values put in; `choice` is `mine:…` or `other:…`."""
    side, _colon, field_id = choice.partition(":")
    values = offer.mine if side == "mine" else offer.other
    if side not in ("mine", "other") or field_id not in values:
        return sent
    return put_in(sent, {field_id: values[field_id]})


def rows(
    sent: MultiDict[str, str], forms: ClientForms, offer: Offer | None, make: Make
) -> list[Row]:
    """The table of what is offered."""
    if offer is None:
        return []
    mine, other = make(put_in(sent, offer.mine)), make(put_in(sent, offer.other))
    found = []
    for one in forms:
        own, others = mine.get_field(one.id), other.get_field(one.id)
        if one.id not in offer.mine or own is None or others is None or not is_compared(one):
            continue
        found.append(
            Row(
                field_id=one.id,
                label=str(one.label.text),
                mine=shown_value(own),
                other=shown_value(others),
                who=offer.who.get(one.id, ""),
                holds="mine"
                if is_same(one, own)
                else "other"
                if is_same(one, others)
                else "neither",
            )
        )
    return found


def name_colleagues(
    session: Session, client: Client, forms: ClientForms, offer: Offer, shown: Shown | None
) -> None:
    """Say for each field who changed it last and when, as the audit log tells it."""
    wanted = select(AuditRecord.at, AuditRecord.actor_label, AuditRecord.changes).where(
        AuditRecord.client_id == client.id,
        AuditRecord.reseller_id == client.reseller_id,
        AuditRecord.object_type == "client",
    )
    if shown is not None:
        wanted = wanted.where(AuditRecord.at >= shown.at)
    last: dict[str, str] = {}
    for at, label, changes in session.execute(wanted.order_by(AuditRecord.id.desc()).limit(100)):
        for name in changes:
            last.setdefault(name, _by(label, at))
    fallback = _by(client.updated_by, client.updated_at)
    for one in forms:
        if one.id in offer.mine:
            offer.who[one.id] = last.get(_audit_name(one.id), fallback)


def _by(label: str, at: datetime) -> str:
    return str(_("%(who)s, %(when)s", who=label or _("the system"), when=instant(at)))


def _audit_name(field_id: str) -> str:
    block, _dash, name = field_id.partition("-")
    if block == "auto":
        return f"auto_payment_{name}"
    return "template" if name == "template_id" else name
