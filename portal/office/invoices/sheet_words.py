"""Words of invoice spreadsheets, in the viewer's language."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

_WORDS: dict[str, LazyString] = {
    "Balance": _l("Balance"),
    "Amount": _l("Amount"),
    "Charges": _l("Charges"),
    "Credit note": _l("Credit note"),
    "Credited": _l("Credited"),
    "Currency": _l("Currency"),
    "Date": _l("Date"),
    "Description": _l("Description"),
    "Due": _l("Due"),
    "First day": _l("First day"),
    "From": _l("From"),
    "Invoice": _l("Invoice"),
    "Invoice date": _l("Invoice date"),
    "Kind": _l("Kind"),
    "Last day": _l("Last day"),
    "Net": _l("Net"),
    "Number": _l("Number"),
    "Paid": _l("Paid"),
    "Price": _l("Price"),
    "Quantity": _l("Quantity"),
    "Reverses": _l("Reverses"),
    "Rounding": _l("Rounding"),
    "Still open": _l("Still open"),
    "Tax": _l("Tax"),
    "Taxes": _l("Taxes"),
    "Time zone": _l("Time zone"),
    "To": _l("To"),
    "Total": _l("Total"),
    "Unit": _l("Unit"),
    "charges": _l("charges"),
    "of": _l("of"),
}
_MOVEMENTS: dict[str, LazyString] = {
    "opening": _l("Opening balance"),
    "closing": _l("Closing balance"),
    "payment": _l("Payment"),
    "refill": _l("Card payment"),
    "refund": _l("Refund"),
    "chargeback": _l("Chargeback"),
    "chargeback_reversal": _l("Chargeback won"),
    "voucher": _l("Voucher"),
    "invoice": _l("Invoice"),
    "incoming_invoice": _l("Incoming invoice"),
    "credit_note": _l("Credit note"),
    "charge": _l("Charge"),
}
_REVERSED: dict[str, LazyString] = {
    "payment": _l("Payment taken back"),
    "refill": _l("Card payment taken back"),
    "refund": _l("Refund that did not arrive"),
    "voucher": _l("Voucher taken back"),
    "invoice": _l("Void invoice"),
    "incoming_invoice": _l("Void incoming invoice"),
}


def say(word: str) -> str:
    """The word in the viewer's language."""
    return str(_WORDS[word])


def tell_movement(kind: str, reverses: str) -> str:
    """What moved the balance."""
    if kind == "reversal":
        return str(_REVERSED.get(reverses, _l("Reversal")))
    return str(_MOVEMENTS.get(kind, kind))
