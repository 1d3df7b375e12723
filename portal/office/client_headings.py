"""What the columns of a file of clients are called."""

from collections.abc import Iterable

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

HEADINGS: dict[str, LazyString] = {
    "id": _l("ID"),
    "name": _l("Name"),
    "reseller": _l("Reseller"),
    "currency": _l("Currency"),
    "timezone": _l("Time zone"),
    "status": _l("Status"),
    "role": _l("Role"),
    "tags": _l("Tags"),
    "available": _l("Available"),
    "live": _l("Live"),
    "fixed": _l("Fixed"),
    "postpaid": _l("Postpaid"),
    "credit": _l("Credit"),
    "terms": _l("Payment terms"),
    "tax_profile": _l("Tax profile"),
    "notify_client": _l("Notify client below"),
    "notify_admin": _l("Notify admin below"),
    "threshold": _l("Low balance threshold"),
    "low_capacity": _l("Capacity below the threshold"),
    "autoinvoicing": _l("Autoinvoicing"),
    "invoice_template": _l("Invoice template"),
    "last_invoiced": _l("Last invoiced"),
    "auto_payment": _l("Auto payment"),
    "extra_amount": _l("Extra amount"),
    "day_cap": _l("At most a day"),
    "month_cap": _l("At most a month"),
    "panel": _l("Client panel"),
    "login": _l("Login"),
    "company": _l("Company name"),
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
    "created": _l("Created"),
}


def headings(keys: Iterable[str]) -> list[str]:
    """The headings of these columns in the viewer's language."""
    return [str(HEADINGS[key]) for key in keys]
