"""The audit log in plain words: what was done to what, which field, and what it said."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal import formatting
from portal.office.words import WORDS, word

OBJECTS: Mapping[str, LazyString] = {
    "audit_log": _l("Audit log"),
    "client": _l("Client"),
    "client_file": _l("File"),
    "client_login": _l("Panel login"),
    "client_note": _l("Note"),
    "client_template": _l("Clients template"),
    "clients": _l("Clients"),
    "currency": _l("Currency"),
    "dunning_rules": _l("Rules for declined cards"),
    "exchange_rate": _l("Exchange rate"),
    "gateway_account": _l("Payment gateway"),
    "credit_note": _l("Credit note"),
    "suretax_account": _l("SureTax"),
    "invoice": _l("Invoice"),
    "invoice_template": _l("Invoice template"),
    "invoices": _l("Invoices"),
    "list_view": _l("Saved view"),
    "mail": _l("Mail"),
    "mail_template": _l("Mail template"),
    "number_series": _l("Invoice numbers"),
    "opening_balance": _l("Opening balance"),
    "opening_balances": _l("Opening balances"),
    "package": _l("Package"),
    "payment_account": _l("Payment account"),
    "payment_terms": _l("Payment terms"),
    "payments": _l("Payments"),
    "platform_settings": _l("Settings"),
    "platform_user": _l("Platform staff"),
    "reconciliation": _l("Comparison with a gateway"),
    "refill": _l("Refill"),
    "refund": _l("Refund"),
    "report": _l("Report"),
    "reseller": _l("Reseller"),
    "role": _l("Role"),
    "saved_card": _l("Saved card"),
    "subscription": _l("Subscription"),
    "tag": _l("Tag"),
    "task": _l("Task"),
    "tax_profile": _l("Tax profile"),
    "transaction": _l("Transaction"),
    "usage_batch": _l("Usage"),
    "user": _l("User"),
    "sign_up": _l("Sign-up"),
    "sign_up_settings": _l("Sign-up settings"),
    "voucher": _l("Voucher"),
    "voucher_series": _l("Series of vouchers"),
}
ACTIONS: Mapping[str, LazyString] = {
    "accept": _l("accepted"),
    "activate": _l("activated"),
    "allocate": _l("allocated a payment"),
    "approve": _l("approved"),
    "approve_cancelled": _l("approved"),
    "cancelled": _l("cancelled"),
    "cancel_tax": _l("cancelled at SureTax"),
    "changed": _l("changed for another package"),
    "create": _l("created"),
    "deallocate": _l("took a payment off"),
    "delete": _l("deleted"),
    "export": _l("exported"),
    "file_tax": _l("filed at SureTax"),
    "full_delete": _l("deleted for good"),
    "give_up": _l("given up before it was made"),
    "import": _l("imported"),
    "invite": _l("invited"),
    "issue": _l("issued"),
    "language_changed": _l("language changed"),
    "mail_again": _l("mailed again"),
    "mark_sent": _l("marked as sent"),
    "mass_edit": _l("changed many at once"),
    "other_sessions_ended": _l("ended all other sessions"),
    "password_accepted": _l("gave the password"),
    "password_change": _l("password changed"),
    "password_changed": _l("password changed"),
    "password_reset": _l("password set anew"),
    "post_usage": _l("posted usage"),
    "ran_out": _l("had its last renewal"),
    "recovery_code_used": _l("used a recovery code"),
    "recovery_codes_renewed": _l("made new recovery codes"),
    "regenerate": _l("made anew"),
    "renew": _l("renews again"),
    "restore": _l("restored"),
    "resume": _l("resumed"),
    "reverse": _l("reversed"),
    "second_factor_off": _l("second factor switched off"),
    "second_factor_on": _l("second factor switched on"),
    "second_factor_reset": _l("second factor taken away"),
    "second_step_failed": _l("wrong second factor"),
    "send_again": _l("sent again"),
    "session_ended": _l("session ended"),
    "sessions_ended": _l("all sessions ended"),
    "settle": _l("marked as paid or open"),
    "sign_in": _l("signed in"),
    "sign_in_as": _l("signed in as"),
    "sign_in_as_ended": _l("no longer signed in as"),
    "sign_in_as_reading": _l("switched to looking as"),
    "sign_in_as_writing": _l("switched to changing as"),
    "sign_in_failed": _l("failed to sign in"),
    "sign_out": _l("signed out"),
    "stop_at_end": _l("stops at the end of its period"),
    "stopped": _l("stopped"),
    "suspend": _l("suspended"),
    "test_mail_server": _l("tested the mail server"),
    "update": _l("changed"),
    "void": _l("void"),
    "block": _l("blocked"),
    "confirm": _l("confirmed the e-mail address"),
    "expire": _l("let expire"),
    "redeem": _l("redeemed"),
    "refuse": _l("refused"),
    "take_pins": _l("took the PINs out"),
    "unblock": _l("unblocked"),
}
FIELDS: Mapping[str, LazyString] = {
    "business_unit": _l("Business unit"),
    "client_number": _l("Client number"),
    "exemptions": _l("Tax exemption codes"),
    "extra_code": _l("Code of extra charges"),
    "own_url": _l("Own address"),
    "package_code": _l("Code of package fees"),
    "regulatory_code": _l("Kind of provider"),
    "sales_type": _l("Customers"),
    "service": _l("Service"),
    "trans_id": _l("TransId"),
    "usage_code": _l("Code of usage"),
    "validation_key": _l("Validation key"),
    "at_hour": _l("Retries at"),
    "card": _l("Card"),
    "declines_to_suspend": _l("Declines until it is suspended"),
    "expiry_days": _l("Days before a card ends"),
    "is_sent": _l("Is sent"),
    "retry_hours": _l("Waits in hours"),
    "stop_codes": _l("Codes that are never tried again"),
    "stop_kinds": _l("Kinds that are never tried again"),
    "words": _l("Own words"),
    "account_details": _l("Account details"),
    "address": _l("Address"),
    "allowed_networks": _l("Allowed addresses"),
    "allocated_by_hand": _l("Allocated by hand only"),
    "amount": _l("Amount"),
    "auto_payment_day_cap": _l("Auto payment: at most a day"),
    "auto_payment_enabled": _l("Auto payment"),
    "auto_payment_extra_amount": _l("Auto payment: extra amount"),
    "auto_payment_month_cap": _l("Auto payment: at most a month"),
    "auto_payment_suspended": _l("Auto payment suspended"),
    "autoinvoicing": _l("Autoinvoicing"),
    "billing_email": _l("Billing e-mail"),
    "body_html": _l("HTML"),
    "body_text": _l("Plain text"),
    "brand_color": _l("Colour"),
    "company_name": _l("Company name"),
    "credentials": _l("Credentials"),
    "credit": _l("Credit"),
    "currency": _l("Currency"),
    "day_of_month": _l("Day of the month"),
    "description": _l("Description"),
    "detail_places": _l("Decimals of lines"),
    "details": _l("Details for invoices"),
    "due": _l("Due"),
    "email": _l("E-mail"),
    "activation_fee": _l("Activation fee"),
    "alignment": _l("Periods begin"),
    "enabled": _l("Switched on"),
    "ends_on": _l("Last day"),
    "every_days": _l("Every so many days"),
    "for_gateways": _l("Offered first to gateways"),
    "grace_days": _l("Days to pay"),
    "invoice": _l("Invoice"),
    "invoice_template_id": _l("Invoice template"),
    "is_active": _l("Active"),
    "is_default": _l("Default"),
    "is_originator": _l("Originator"),
    "is_terminator": _l("Terminator"),
    "last_invoiced_on": _l("Last invoiced"),
    "live": _l("Live mode"),
    "locale": _l("Language"),
    "login": _l("Login"),
    "low_capacity": _l("Low balance: capacity"),
    "mail_from": _l("Sender address"),
    "main_email": _l("Main e-mail"),
    "minutes": _l("Minutes"),
    "mode": _l("Mode"),
    "name": _l("Name"),
    "next_number": _l("Next number"),
    "noc_email": _l("NOC e-mail"),
    "note": _l("Note"),
    "notify_admin": _l("Low balance: notify admin"),
    "notify_client": _l("Low balance: notify client"),
    "notify_factors_watcher": _l("Notify about Factors Watcher blocks"),
    "paper": _l("Paper"),
    "password": _l("Password"),
    "package": _l("Package"),
    "payment_account_id": _l("Payment account"),
    "payment": _l("Payment"),
    "payment_terms_id": _l("Payment terms"),
    "period_count": _l("Period: how many"),
    "period_unit": _l("Period: of what"),
    "periodic_fee": _l("Periodic fee"),
    "permissions": _l("Permissions"),
    "panel_edits_company": _l("Clients may change company name and address"),
    "panel_edits_contacts": _l("Clients may change their e-mail addresses"),
    "panel_edits_tax_ids": _l("Clients may change tax and registration ID"),
    "panel_refill_amounts": _l("Amounts offered for a refill"),
    "panel_switches_auto_payment": _l("Clients may switch automatic payment"),
    "portal_host": _l("Portal host"),
    "postpaid": _l("Postpaid"),
    "priority": _l("Priority"),
    "prorate_start": _l("Prorated at the start"),
    "prorate_stop": _l("Prorated at a stop"),
    "quantity": _l("Quantity"),
    "rate": _l("Rate"),
    "rate_places": _l("Decimals of prices"),
    "rates_email": _l("Rates e-mail"),
    "reason": _l("Reason"),
    "reg_id": _l("Reg ID"),
    "remind_after": _l("Remind after"),
    "remind_before": _l("Remind before"),
    "renewals": _l("Renewals"),
    "role": _l("Role"),
    "role_id": _l("Role"),
    "source": _l("Made by"),
    "starts_on": _l("First day"),
    "state": _l("State"),
    "status": _l("Status"),
    "subject": _l("Subject"),
    "tags": _l("Tags"),
    "tax_id": _l("Tax ID"),
    "tax_mode": _l("Taxes"),
    "tax_profile_id": _l("Tax profile"),
    "taxes": _l("Taxes"),
    "template": _l("Client’s template"),
    "threshold": _l("Low balance: threshold"),
    "timezone": _l("Time zone"),
    "to": _l("To"),
    "total": _l("Total"),
    "units": _l("Included units"),
    "total_places": _l("Decimals of totals"),
    "zip_code": _l("Zip code"),
}
JOBS: Mapping[str, LazyString] = {
    "audit.seal": _l("Sealing of the audit log"),
    "billing.check_ledger": _l("Proof of the ledger"),
    "billing.finish_invoice": _l("Files and mails of invoices"),
    "billing.invoice_client": _l("Autoinvoicing"),
    "billing.low_balance": _l("Low balance notifications"),
    "billing.take_subscription_turn": _l("Subscriptions"),
    "mail.deliver": _l("Delivery of mail"),
    "payments.auto_charge": _l("Auto payment"),
    "payments.charge_refill": _l("Charging of cards"),
    "payments.handle_event": _l("News from the gateway"),
    "payments.look_up": _l("Look-ups at the gateway"),
}
ACTORS: Mapping[str, LazyString] = {
    "client": _l("Client"),
    "job": _l("By itself"),
    "platform": _l("Platform staff"),
    "system": _l("The program"),
    "user": _l("Staff"),
}
# what a field's values mean where a word for them is known
_STATES = {
    ("client", "status"): "client",
    ("invoice", "state"): "invoice",
    ("mail", "state"): "mail",
    ("refill", "source"): "source",
    ("transaction", "status"): "transaction",
    ("transaction", "tax_mode"): "tax_mode",
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_AMOUNTS = re.compile(r"(^|_)(amount|credit|total|price|threshold|capacity|limit)$")


def name_object(object_type: str) -> str:
    return str(OBJECTS.get(object_type, _readable(object_type)))


def name_action(action: str) -> str:
    return str(ACTIONS.get(action, action.replace("_", " ")))


def name_field(field: str) -> str:
    return str(FIELDS.get(field, _readable(field)))


def name_actor(kind: str, label: str) -> str:
    """Who it was: a person by its sign-in name, a job by what it does."""
    if kind == "job":
        return str(JOBS.get(label, _readable(label.rpartition(".")[2])))
    return str(ACTORS["system"]) if kind == "system" else label


def say_value(
    object_type: str,
    field: str,
    value: Any,  # noqa: ANN401 (from JSON)
    names: Mapping[tuple[str, int], str],
) -> str:
    """A value as people write it; empty for none. `names` maps (field, id) to a name."""
    if value is None or value in ("", []):
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, list):
        return ", ".join(say_value(object_type, field, one, names) for one in value)
    if isinstance(value, dict):
        return ", ".join(
            f"{name_field(key)}: {say_value(object_type, key, one, names)}"
            for key, one in value.items()
        )
    if isinstance(value, int):
        return names.get((field, value)) or (f"#{value}" if field.endswith("_id") else str(value))
    return _say_text(object_type, field, str(value))


def _say_text(object_type: str, field: str, text: str) -> str:
    group = _STATES.get((object_type, field))
    if group is not None and text in WORDS[group]:
        return word(group, text)
    if field.endswith("_on") and _DAY.fullmatch(text):
        return formatting.day(date.fromisoformat(text))
    if field.endswith("_at") and _INSTANT.match(text):
        return formatting.instant(datetime.fromisoformat(text))
    if _AMOUNTS.search(field):
        try:
            return formatting.number(Decimal(text))
        except (InvalidOperation, ValueError):
            return text
    return text


def init_app(app: Flask) -> None:
    """Let every template of the back office say records with these."""
    app.jinja_env.globals.update(
        name_object=name_object,
        name_action=name_action,
        name_field=name_field,
        name_actor=name_actor,
        say_value=say_value,
    )


def _readable(name: str) -> str:
    words = name.removesuffix("_id").replace("_", " ")
    return words[:1].upper() + words[1:]
