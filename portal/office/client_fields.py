"""Checks of a client's fields that need no database: form, template and import share them."""

from collections.abc import Callable

from wtforms import Field, Form
from wtforms.validators import ValidationError

from billing import client_billing, low_balance
from billing.low_balance import LowBalance
from core.errors import InvalidInputError
from core.tax_ids import check_tax_id
from core.zones import get_zone
from payments import auto_payment
from portal.fields import TagsField
from portal.wording import refusal
from tenants import client_blocks

Check = Callable[[Form, Field], None]


def _told(check: Callable[[Field], None]) -> Check:
    """A validator out of a domain check: it says at the field what the domain would say."""

    def validate(_form: Form, field: Field) -> None:
        if field.data in (None, ""):
            return
        try:
            check(field)
        except InvalidInputError as error:
            raise ValidationError(refusal(error)) from error

    return validate


known_zone = _told(lambda field: _ignore(get_zone(str(field.data).strip())))
credit_digits = _told(lambda field: _ignore(client_billing.checked_credit(field.data)))
low_amount = _told(lambda field: low_balance.check_amount(field.data, field.short_name))
capacity = _told(lambda field: low_balance.check_capacity(field.data, field.short_name))
charge_amount = _told(lambda field: auto_payment.check_amount(field.data, field.short_name))
tag_lengths = _told(lambda field: _ignore(client_blocks.clean_tags(_names(field))))


def country_tax_id(_form: Form, field: Field) -> None:
    """Only what was changed is checked: a number of old that was taken then stays."""
    text = (field.data or "").strip()
    if not text or text == (field.object_data or ""):
        return
    try:
        check_tax_id(text)
    except InvalidInputError as error:
        raise ValidationError(refusal(error)) from error


def check_pair(threshold: Field, low_capacity: Field) -> bool:
    """Threshold and capacity stand together; puts the error at the one that is missing."""
    if threshold.errors or low_capacity.errors:
        return True
    try:
        low_balance.check(LowBalance(threshold=threshold.data, low_capacity=low_capacity.data))
    except InvalidInputError as error:
        wrong = low_capacity if error.field == "low_capacity" else threshold
        wrong.errors = [*wrong.errors, refusal(error)]
        return False
    return True


def _names(field: Field) -> list[str]:
    return field.names if isinstance(field, TagsField) else []


def _ignore(_value: object) -> None:
    return None
