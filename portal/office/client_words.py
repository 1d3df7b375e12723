"""What the fields of a client are called where a change of them is told."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from portal.office.words import word

_LABELS: dict[str, LazyString] = {
    "last_invoiced_on": _l("Last invoiced"),
    "status": _l("Status"),
    "tags": _l("Tags"),
    "payment_terms_id": _l("Payment terms"),
    "tax_profile_id": _l("Tax profile"),
    "invoice_template_id": _l("Invoice template"),
    "template_id": _l("Template"),
    "autoinvoicing": _l("Autoinvoicing"),
    "postpaid": _l("Postpaid"),
    "credit": _l("Credit"),
    "currency": _l("Currency"),
    "timezone": _l("Time zone"),
    "is_originator": _l("Originator"),
    "is_terminator": _l("Terminator"),
    "auto_payment_enabled": _l("Auto payment"),
    "auto_payment_extra_amount": _l("Extra amount"),
    "auto_payment_day_cap": _l("At most a day"),
    "auto_payment_month_cap": _l("At most a month"),
    "notify_client": _l("Notify client below"),
    "notify_admin": _l("Notify admin below"),
    "threshold": _l("Threshold"),
    "low_capacity": _l("Capacity below the threshold"),
    "name": _l("Name"),
    "panel_enabled": _l("Client panel"),
    "panel_login": _l("Login"),
    "company_name": _l("Company name"),
    "main_email": _l("Main e-mail"),
    "noc_email": _l("NOC e-mail"),
    "billing_email": _l("Billing e-mail"),
    "rates_email": _l("Rates e-mail"),
    "notify_factors_watcher": _l("Factors Watcher"),
    "address": _l("Address"),
    "zip_code": _l("Zip code"),
    "tax_id": _l("Tax ID"),
    "reg_id": _l("Reg ID"),
    "account_details": _l("Account details"),
    "locale": _l("Locale"),
}


def field_label(name: str) -> str:
    """A field without a word is called by its name."""
    found = _LABELS.get(name)
    return str(found) if found is not None else name.replace("_", " ")


def value_word(name: str, value: str) -> str:
    """Stored words in the viewer's language."""
    return word("client", value) if name == "status" else value
