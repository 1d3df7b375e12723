"""The matrix of sections and rights, in plain words."""

from collections.abc import Collection
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from tenants.permissions import Permission

RIGHTS: tuple[tuple[str, LazyString], ...] = (
    ("read", _l("See")),
    ("write", _l("Change")),
    ("execute", _l("Act")),
    ("full_delete", _l("Erase for good")),
)
# section, its name, what its rights mean
SECTIONS: tuple[tuple[str, LazyString, LazyString], ...] = (
    (
        "clients",
        _l("Clients"),
        _l("Act: export and import them; sign in to a client’s panel in its place"),
    ),
    ("templates", _l("Templates"), _l("of clients and of mail")),
    ("tags", _l("Tags"), _l("words that sort clients")),
    ("transactions", _l("Transactions"), _l("Change: book payments and charges, reverse them")),
    ("invoices", _l("Invoices"), _l("Act: issue and send them")),
    ("payments", _l("Refills and cards"), _l("Act: charge a client’s saved card")),
    (
        "vouchers",
        _l("Vouchers"),
        _l("Change: make, activate and block them; Act: take their PINs out, once"),
    ),
    ("terms", _l("Payment terms"), _l("when clients are invoiced and pay")),
    ("taxes", _l("Tax profiles"), _l("which taxes stand on invoices")),
    ("currencies", _l("Currencies"), _l("precision and exchange rates")),
    ("payment_accounts", _l("Payment accounts"), _l("where money is received")),
    ("packages", _l("Packages"), _l("Change: packages, and the subscriptions of clients")),
    ("reports", _l("Reports"), _l("Change: save reports and have them mailed")),
    ("gateways", _l("Payment gateways"), _l("Change: merchant accounts and their keys")),
    ("resellers", _l("Resellers"), _l("the companies beneath yours")),
    ("users", _l("Users"), _l("Act: sign people out, take a lost second factor away")),
    ("roles", _l("Roles"), _l("never more than one’s own")),
    ("settings", _l("Settings"), _l("of the company")),
    ("mail", _l("Mail queue"), _l("Act: send again, delete from the queue")),
    ("events", _l("Events log"), _l("Change: who is told of what")),
    ("audit", _l("Audit log"), _l("Act: prove that nothing in it was changed")),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of the matrix; `value` is empty where a section has no such right."""

    value: str
    is_on: bool
    is_mine: bool
    label: LazyString


@dataclass(frozen=True, slots=True)
class Line:
    section: str
    name: LazyString
    note: LazyString
    cells: tuple[Cell, ...]


def make_matrix(granted: Collection[str], mine: Collection[str]) -> list[Line]:
    """Every section with every right, marked by what is granted and what one may give."""
    known = {one.value for one in Permission}
    return [
        Line(
            section,
            name,
            note,
            tuple(
                Cell(
                    value if (value := f"{section}:{right}") in known else "",
                    value in granted,
                    value in mine,
                    label,
                )
                for right, label in RIGHTS
            ),
        )
        for section, name, note in SECTIONS
    ]
