"""What an address, a query or a form can name, and the object of each tenant that it then means.

A new parameter goes here: `PARAMETERS` for what stands in a path, `FIELDS` for names in queries
and forms. The matrix fails until it is listed.
"""

from werkzeug.routing import BaseConverter, IntegerConverter, UUIDConverter

from tests.tenancy.world import Owner

# Parameter of an address: the kind of `Owner.ids` that it names.
PARAMETERS = {
    "account_id": "gateway_account",
    "card_id": "card",
    "client_id": "client",
    "credit_note_id": "credit_note",
    "delivery_id": "webhook_delivery",
    "difference_id": "difference",
    "endpoint_id": "webhook_endpoint",
    "event_id": "event",
    "file_id": "file",
    "invoice_id": "invoice",
    "invoice_template_id": "invoice_template",
    "mail_id": "mail",
    "note_id": "note",
    "opening_id": "opening_balance",
    "object_id": "client",
    "package_id": "package",
    "record_id": "audit",
    "payment_account_id": "payment_account",
    "platform_user_id": "platform_user",
    "profile_id": "tax_profile",
    "rate_id": "exchange_rate",
    "refill_id": "refill",
    "refund_id": "refund",
    "report_id": "saved_report",
    "reseller_id": "reseller",
    "subscription_id": "subscription",
    "tag_id": "tag",
    "task_id": "task",
    "redemption_id": "voucher_redemption",
    "role_id": "role",
    "series_id": "voucher_series",
    "sign_up_id": "sign_up",
    "template_id": "client_template",
    "terms_id": "terms",
    "transaction_id": "transaction",
    "user_id": "user",
    "view_id": "list_view",
    "wait_id": "tax_wait",
    "voucher_id": "voucher",
}
# An endpoint whose parameter means another kind than its name says.
PARAMETERS_OF_ENDPOINT = {
    ("office_imports.show", "task_id"): "import_task",
    ("office_imports.check", "task_id"): "import_task",
    ("office_imports.write", "task_id"): "import_task",
    ("office_packages.show_usage", "task_id"): "usage_task",
    ("office_packages.check_usage", "task_id"): "usage_task",
    ("office_packages.write_usage", "task_id"): "usage_task",
    ("office_payment_imports.show", "task_id"): "statement",
    ("office_payment_imports.check", "task_id"): "statement",
    ("office_payment_imports.choose", "task_id"): "statement",
    ("office_payment_imports.write", "task_id"): "statement",
    ("office_clients.delete_file", "file_id"): "client_file",
    ("office_invoices.edit_incoming", "invoice_id"): "incoming_invoice",
    ("office_invoices.update_incoming", "invoice_id"): "incoming_invoice",
    ("office_invoices.settle_incoming", "invoice_id"): "accepted_incoming",
    ("office_clients.download_file", "file_id"): "client_file",
    ("office_pending.ask", "refill_id"): "paid_refill",
    ("office_pending.preview", "refill_id"): "paid_refill",
    ("office_pending.give_back", "refill_id"): "paid_refill",
    ("office_pending.look_up_charge", "refill_id"): "open_refill",
    ("office_pending.decide", "refill_id"): "held_refill",
    ("office_transactions.approve", "transaction_id"): "pending_transaction",
    ("office_invoices.allocate_payment", "transaction_id"): "payment",
    ("office_invoices.allocate", "transaction_id"): "hand_payment",
    ("office_invoices.deallocate", "transaction_id"): "payment",
    ("office_invoices.let_allocate", "transaction_id"): "hand_payment",
    ("office_invoices.zip_result", "task_id"): "zip_task",
    ("panel_transactions.receipt", "transaction_id"): "payment",
    ("panel_transactions.receipt_pdf", "transaction_id"): "payment",
}
# Endpoints that show nothing without a query: name in the query, and the kind that it names.
QUERIES = {
    "office_mass_edit.new": {"pick": "client"},
    "office_tasks.export_clients": {"pick": "client"},
    "office_invoices.new": {"client": "client"},
    "office_invoices.new_incoming": {"client": "client"},
    "office_refills.new": {"client": "client"},
    "office_vouchers.ask_redeem": {"client": "client"},
    "office_transactions.preview_amount": {"client_id": "client"},
    "office_transactions.new": {"client": "client"},
    "platform_ledger.progress": {"tenant": "reseller"},
}
# What else such an endpoint has to be asked, which names nothing.
PLAIN_QUERIES = {
    "platform_ledger.progress": {"run": "0", "asked": "0"},
    "platform_health.progress": {"asked": "0"},
}
# A page shows other forms for objects in another state: forms are read on these pages too.
OTHER_STATES = {
    "payment": ("hand_payment",),
    "import_task": ("checked_import",),
    "statement": ("checked_statement",),
    "invoice": ("draft_invoice", "waiting_invoice", "incoming_invoice", "accepted_incoming"),
    "invoice_template": ("spare_invoice_template",),
    "mail": ("failed_mail",),
    "card": ("other_card",),
    "refill": ("open_refill", "hosted_refill", "paid_refill", "held_refill", "refunded_refill"),
    "package": ("spare_package",),
    "subscription": ("waiting_subscription",),
    "task": ("open_task",),
    "payment_account": ("spare_payment_account",),
    "role": ("spare_role",),
    "tax_profile": ("spare_tax_profile",),
    "terms": ("spare_terms",),
    "usage_task": ("checked_usage",),
    "transaction": ("pending_transaction", "unbilled_transaction"),
    "user": ("invited_user", "guarded_user"),
}
# Parameters that name no row of a tenant: values that the route takes, and why it is one.
PLAIN_PARAMETERS = {
    "field": (
        ("reseller", "terms", "tax", "template"),
        "a field of the search that one is helped with",
    ),
    "report": (("balance", "aging"), "one of the reports that can be saved"),
    "list_key": (("clients",), "one of the lists that have views"),
    "code": (("nobody",), "a brand, which everybody may see before anybody is known"),
    "page": (
        ("company", "region", "branding", "panel", "mail", "invoicing"),
        "a page of the settings of a company",
    ),
    "part": (
        ("company", "region", "branding", "rules", "sender", "server", "numbering", "defaults"),
        "a form of the settings of a company",
    ),
    "line_no": (("1",), "the number of a line of an invoice that the address names"),
    "kind": (("csv", "xlsx"), "a kind of file"),
    "filename": (("favicon.svg",), "files of the program, the same for everybody"),
    "object_type": (("client",), "a kind of object"),
    "letter": (("invoice",), "one of the program's letters, the same for everybody"),
    "currency": (("EUR",), "a currency, the same for everybody"),
    "gateway": (("authorizenet",), "one of the gateways that we know"),
    "name": (("available", "live", "fixed"), "one of the three balances"),
    "move": (("block", "activate", "unblock", "expire"), "what is done with a voucher"),
    "type": (("payment", "charge"), "a kind of transaction"),
    "way": (("refund", "void"), "how a payment is given back"),
    "decision": (("approve", "decline"), "what staff decide about a held payment"),
    "token": (("no-such-token",), "a secret of 256 bits, kept as its hash; tested with sign-in"),
}
# A name in a query or a form: the kind that it names.
FIELDS = {
    "account_id": "gateway_account",
    "but": "client",
    "client": "client",
    "client_id": "client",
    "invoice": "invoice",
    "credit-payment_terms_id": "terms",
    "general-reseller_id": "reseller",
    "general-applied_template_id": "client_template",
    "general-tax_profile_id": "tax_profile",
    "general-template_id": "client_template",
    "invoice_template_id": "invoice_template",
    "invoicing-invoice_template_id": "invoice_template",
    "method": "card",
    "package_id": "package",
    "parent_id": "reseller",
    "payment_account_id": "payment_account",
    "payment_terms_id": "terms",
    "pick": "client",
    "reseller": "reseller",
    "reseller_id": "reseller",
    "role_id": "role",
    "saved_card_id": "card",
    "series": "voucher_series",
    "tax": "tax_profile",
    "tax_profile_id": "tax_profile",
    "tenant": "reseller",
    "terms": "terms",
    "view": "list_view",
}
# Names in queries and forms that name no row of a tenant.
PLAIN_FIELDS = {
    "action", "after", "all", "amount", "asked", "back", "before", "choose", "column", "columns",
    "count", "open", "text", "whole",
    "density", "email", "empties", "enabled", "field", "filters", "format", "from", "gateway",
    "general-name",
    "id",
    "ip", "key", "kind", "locale", "look", "match_by", "mode", "move", "name", "next", "object",
    "offer", "on", "order", "owed", "panel-password", "period", "permissions", "person", "pinned",
    "book", "bucket", "date_order", "n", "whose", "currency", "day_of_month", "every", "group",
    "hour", "is_shared", "recipients", "row", "to", "weekday", "who", "zone",
    "portal", "previewed", "q", "query", "rows", "run", "service", "settled", "shortcuts", "shown",
    "stamp", "standard", "status", "tag", "template", "twice", "typed", "types", "url",
    "side", "version",
    "business_unit", "client_number", "exemptions", "extra_code", "own_url", "package_code",
    "regulatory_code", "sales_type", "usage_code", "validation_key",
}  # fmt: skip
# Ids that our own form brings along for the row that it makes: another's id is no row yet.
MADE_BY_FORM = {
    "credit_note_id": "credit_note",
    "file_id": "client_file",
    "invoice_id": "invoice",
    "report_id": "saved_report",
    "note_id": "note",
    "redemption_id": "voucher_redemption",
    "refill_id": "refill",
    "refund_id": "refund",
    "run_id": "reconciliation",
    "request_id": "client",
    "reversal_id": "transaction",
    "sign_up_id": "sign_up",
    "subscription_id": "subscription",
    "task_id": "task",
    "transaction_id": "transaction",
}

_MISSING_INT = "8999999999999"
_MISSING_UUID = "00000000-0000-7000-8000-000000000404"


def value_of(owner: Owner, kind: str) -> str:
    """The id of the owner's object of this kind."""
    assert kind in owner.ids, f"tests/tenancy/world.py makes no {kind}: give every owner one"
    return owner.ids[kind]


def missing_like(value: str) -> str:
    """An id of the same form as `value` that no row has."""
    if value.isdecimal():
        return _MISSING_INT
    return _MISSING_UUID if len(value) == 36 else "nothing-has-this-name"


def fits(converter: BaseConverter, value: str) -> bool:
    """Whether the route takes such a value at all."""
    if isinstance(converter, IntegerConverter):
        return value.isdecimal()
    if isinstance(converter, UUIDConverter):
        return len(value) == 36
    return True
