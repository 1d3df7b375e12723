"""Applying a client template to the form: its values are filled in before anything is saved."""

from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from payments.client_templates import TemplateValues
from portal.formatting import number
from portal.office.clients.form_values import Raw, Shown, is_same, put_in, raw_value
from portal.office.clients.forms import ClientForms
from portal.office.clients.merging import Make, Offer


@dataclass(slots=True)
class Filled:
    """What came of it: labels of the fields, for telling."""

    template: str
    labels: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def fill(
    sent: MultiDict[str, str],
    forms: ClientForms,
    values: TemplateValues,
    shown: Shown | None,
    make: Make,
) -> tuple[MultiDict[str, str], Filled, Offer | None]:
    """The form with the template's values in it.

    What the person had typed into such a field stands in the offer beside the template's, so that
    nothing goes unsaid; a block that the person may not write is left out and named.
    """
    wanted = _with_tags(forms, template_values(values))
    changed = put_in(sent, {one: raw for one, raw in wanted.items() if forms.is_writable(one)})
    after = make(changed)
    before = None if shown is None else make(put_in(sent, {**shown.values, **shown.filled}))
    done = Filled(values.general.name)
    offer = Offer("template", {}, {}, {})
    for one in forms:
        if one.id not in wanted:
            continue
        label = str(one.label.text)
        if not forms.is_writable(one.id):
            done.left_out.append(label)
            continue
        new = after.get_field(one.id)
        if new is None or is_same(one, new):
            continue
        done.labels.append(label)
        drawn = None if before is None else before.get_field(one.id)
        was_typed = drawn is None or not is_same(drawn, one)
        if was_typed and one.id != "general-tags":
            offer.mine[one.id], offer.other[one.id] = sent.getlist(one.id), raw_value(new)
    if shown is not None:
        shown.filled = {**shown.filled, **{one: changed.getlist(one) for one in wanted}}
    return changed, done, offer if offer.mine else None


# what the form of a new client takes from its reseller
_OF_RESELLER = ("general-currency", "general-timezone", "credit-payment_terms_id")


def begin_anew(
    sent: MultiDict[str, str], forms: ClientForms, stored: ClientForms, shown: Shown | None
) -> MultiDict[str, str]:
    """The form with `stored`, the beginning of another reseller, where nobody typed otherwise.

    `shown` is what the form began with; it learns the new beginning.
    """
    changed: Raw = {}
    for name in _OF_RESELLER:
        new = stored.get_field(name)
        if shown is None or new is None or not forms.is_writable(name):
            continue
        began_with = shown.filled.get(name) or shown.values.get(name)
        if sent.getlist(name) == began_with:
            changed[name] = raw_value(new)
            shown.filled.pop(name, None)
        shown.values[name] = raw_value(new)
    return put_in(sent, changed)


def template_values(values: TemplateValues) -> Raw:
    """What the template says, by field of the form, as a browser would send it."""
    general, billing, auto = values.general, values.billing, values.auto
    said: dict[str, object | None] = {
        "general-currency": general.currency,
        "general-timezone": general.timezone,
        "general-is_originator": None if general.role is None else general.role != "terminator",
        "general-is_terminator": None if general.role is None else general.role != "originator",
        "general-tags": ", ".join(general.tags) or None,
        "general-tax_profile_id": billing.tax_profile_id,
        "credit-postpaid": billing.postpaid,
        "credit-credit": billing.credit,
        "credit-payment_terms_id": billing.payment_terms_id,
        "low-notify_client": billing.notify_client,
        "low-notify_admin": billing.notify_admin,
        "low-threshold": billing.threshold,
        "low-low_capacity": None if billing.low_capacity is None else str(billing.low_capacity),
        "invoicing-autoinvoicing": billing.autoinvoicing,
        "invoicing-invoice_template_id": billing.invoice_template_id,
        "auto-enabled": auto.enabled,
        "auto-extra_amount": auto.extra_amount,
        "auto-day_cap": auto.day_cap,
        "auto-month_cap": auto.month_cap,
    }
    return {name: _raw(value) for name, value in said.items() if value is not None}


def _raw(value: object) -> list[str]:
    if isinstance(value, bool):
        return ["y"] if value else []
    if isinstance(value, str):
        return [value]
    return [str(value) if isinstance(value, int) else number(value)]  # type: ignore[arg-type]  # a Decimal


def _with_tags(forms: ClientForms, wanted: Raw) -> Raw:
    """Tags are added to those that stand there: none that was typed is lost."""
    if "general-tags" not in wanted:
        return wanted
    present = forms.general.tags.names
    known = {name.lower() for name in present}
    added = [one.strip() for one in wanted["general-tags"][0].split(",")]
    both = [*present, *(one for one in added if one.lower() not in known)]
    return {**wanted, "general-tags": [", ".join(both)]}
