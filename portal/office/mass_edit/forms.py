"""What can be changed for many clients at once; a field left as it is changes nothing."""

import hashlib
import json
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, Form, IntegerField, SelectField
from wtforms.validators import NumberRange, Optional

from billing.low_balance import CAPACITY_LIMIT
from payments.mass_edit import Wish
from portal.card_numbers import no_card_number
from portal.fields import AmountField, TagsField, to_choices
from portal.office.client_rights import BLOCK_PERMISSIONS

NONE = "none"
BLOCK_OF = {
    "last_invoiced_on": "invoicing",
    "autoinvoicing": "invoicing",
    "payment_terms_id": "credit",
    "auto_payment": "auto",
    "extra_amount": "auto",
    "status": "general",
    "tag_way": "general",
    "tags": "general",
    "notify_client": "low",
    "notify_client_off": "low",
    "notify_admin": "low",
    "notify_admin_off": "low",
    "threshold": "low",
    "threshold_off": "low",
    "low_capacity": "low",
}
"""The client's block that a field is of; a template is of all of them."""
_LEAVE = ("", _l("Leave as it is"))
_SWITCH = to_choices([_LEAVE, ("on", _l("Switch on")), ("off", _l("Switch off"))])
_OFF = _l("Take out")


class MassEditForm(Form):
    """Every field begins with "leave as it is"."""

    last_invoiced_on = DateField(_l("Last invoiced"), [Optional()])
    status = SelectField(
        _l("Status"),
        choices=to_choices(
            [
                _LEAVE,
                ("active", _l("Active")),
                ("stop", _l("Stopped")),
                ("deleted", _l("Delete")),
                ("restore", _l("Restore deleted ones")),
            ]
        ),
        default="",
    )
    tag_way = SelectField(
        _l("Tags"),
        choices=to_choices(
            [
                _LEAVE,
                ("add", _l("Add these")),
                ("remove", _l("Remove these")),
                ("replace", _l("Replace all by these")),
            ]
        ),
        default="",
    )
    tags = TagsField(_l("Tags to add, remove or have"), [no_card_number])
    payment_terms_id = SelectField(_l("Payment terms"), default="")
    template_id = SelectField(_l("Apply a template"), default="")
    autoinvoicing = SelectField(_l("Autoinvoicing"), choices=_SWITCH, default="")
    auto_payment = SelectField(_l("Auto payment"), choices=_SWITCH, default="")
    currency = SelectField(_l("Currency of the amounts"), default="")
    extra_amount = AmountField(_l("Extra amount"))
    notify_client = AmountField(_l("Notify client below"))
    notify_client_off = BooleanField(_OFF)
    notify_admin = AmountField(_l("Notify admin below"))
    notify_admin_off = BooleanField(_OFF)
    threshold = AmountField(_l("Threshold"))
    low_capacity = IntegerField(
        _l("Capacity below the threshold"),
        [
            Optional(),
            NumberRange(0, CAPACITY_LIMIT, _l("Enter a number of channels from 0 to 1000000.")),
        ],
    )
    threshold_off = BooleanField(_l("Take both out"))

    def keep_only(self, writable: frozenset[str]) -> None:
        """Take out what the person's role may not write: what is sent for it is not read."""
        for name, block in BLOCK_OF.items():
            if block not in writable:
                del self[name]
        if writable != frozenset(BLOCK_PERMISSIONS):
            del self["template_id"]

    def to_wish(self) -> Wish:
        """What the filled-in fields ask for."""
        terms, template_id = self._said("payment_terms_id"), self._said("template_id")
        emptied = self._emptied()
        amounts: dict[str, Decimal | None] = {
            name: self._said(name)
            for name in ("extra_amount", "notify_client", "notify_admin", "threshold")
        }
        has_tags = bool(self._said("tag_way"))
        return Wish(
            last_invoiced_on=self._said("last_invoiced_on"),
            status=self._said("status") or None,
            tag_way=self._said("tag_way") or None,
            tags=tuple(self.tags.names) if has_tags else (),
            payment_terms_id=int(terms) if terms and terms != NONE else None,
            template_id=int(template_id) if template_id else None,
            autoinvoicing=_switch(self._said("autoinvoicing")),
            auto_payment=_switch(self._said("auto_payment")),
            currency=self._said("currency") or "",
            low_capacity=None if "low_capacity" in emptied else self._said("low_capacity"),
            emptied=tuple(emptied),
            **amounts,
        )

    def _said(self, name: str) -> Any:  # noqa: ANN401 (what the field holds)
        return self[name].data if name in self else None

    def _emptied(self) -> list[str]:
        found = [
            name
            for name in ("notify_client", "notify_admin")
            if self._said(f"{name}_off") and self._said(name) is None
        ]
        if self._said("threshold_off") and self._said("threshold") is None:
            found += ["threshold", "low_capacity"]
        if self._said("payment_terms_id") == NONE:
            found.append("payment_terms_id")
        return found


def blocks_of(wish: Wish) -> set[str]:
    """The blocks that a wish writes."""
    asked = {*wish.to_params(), *wish.emptied}
    if "template_id" in asked:
        return set(BLOCK_PERMISSIONS)
    return {block for name, block in BLOCK_OF.items() if name in asked}


def digest(wish: Wish) -> str:
    """A short sign of a wish: the preview that was confirmed is of this very one."""
    text = json.dumps(wish.to_params(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _switch(value: Any) -> bool | None:  # noqa: ANN401 (what the select gives)
    return {"on": True, "off": False}.get(value)
