"""Which field a column of a file probably is, by its heading."""

import re
from collections.abc import Mapping, Sequence

from flask_babel import force_locale
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.names import sort_key
from core.tenancy import current_scope
from payments.client_import_rows import WRITABLE
from portal.office.client_headings import HEADINGS
from portal.office.client_rights import writable_blocks
from portal.viewer import current_viewer
from tenants.task_models import ImportMapping

_PASSWORD = re.compile(
    r"pass\s*-?_?\s*(?:word|wd|phrase|code)|passwor|\bpwd\b|\bpass\b|kennwort|passwort|contrase"
    r"|mot de passe|парол|heslo|haslo|hasło|senha|\bpin\b",
    re.IGNORECASE,
)
_SYNONYMS = {
    "client": "name", "client name": "name", "customer": "name", "customer name": "name",
    "client id": "id", "customer id": "id", "no": "id", "number": "id",
    "pay terms": "terms", "terms": "terms", "email": "main_email", "e-mail": "main_email",
    "mail": "main_email", "main email": "main_email", "billing email": "billing_email",
    "noc email": "noc_email", "rates email": "rates_email", "invoice email": "billing_email",
    "company": "company", "zip": "zip_code", "postal code": "zip_code", "postcode": "zip_code",
    "vat": "tax_id", "vat id": "tax_id", "vat number": "tax_id", "tax number": "tax_id",
    "time zone": "timezone", "credit limit": "credit", "tag": "tags", "tax": "tax_profile",
    "last invoice": "last_invoiced", "last invoice date": "last_invoiced",
}  # fmt: skip


_BLOCK_OF = {
    **dict.fromkeys(
        ("name", "reseller", "currency", "timezone", "status", "role", "tags"), "general"
    ),
    **dict.fromkeys(("postpaid", "credit", "terms", "tax_profile"), "credit"),
    **dict.fromkeys(("notify_client", "notify_admin", "threshold", "low_capacity"), "low"),
    **dict.fromkeys(("autoinvoicing", "invoice_template", "last_invoiced"), "invoicing"),
    **dict.fromkeys(("auto_payment", "extra_amount", "day_cap", "month_cap"), "auto"),
    **dict.fromkeys(("panel", "login"), "panel"),
}


def block_of(key: str) -> str:
    """The client's block that a column writes; the ID only finds the client."""
    return "general" if key == "id" else _BLOCK_OF.get(key, "company")


def list_keys() -> list[str]:
    """What a column can be matched with by this viewer's role."""
    writable = writable_blocks(current_viewer())
    return [key for key in WRITABLE if block_of(key) in writable]


def is_password(heading: str) -> bool:
    """Whether a column says that it holds passwords: no file may bring them."""
    return bool(_PASSWORD.search(heading))


def guess_fields(session: Session, headings: Sequence[str]) -> list[str]:
    """A key for each column, each key once; empty for a column that nobody knows."""
    remembered = _read_remembered(session, headings)
    words = _words()
    allowed, taken = set(list_keys()), set[str]()
    guessed = []
    for heading in headings:
        key = remembered.get(_plain(heading)) or words.get(_plain(heading), "")
        is_usable = key in allowed and key not in taken and not is_password(heading)
        guessed.append(key if is_usable else "")
        if is_usable:
            taken.add(key)
    return guessed


def remember_fields(session: Session, headings: Sequence[str], fields: Sequence[str]) -> None:
    """Keep how somebody matched these headings, for the next file of this reseller."""
    pairs = {_plain(one): key for one, key in zip(headings, fields, strict=False) if one}
    if not pairs:
        return
    rows = [
        {
            "reseller_id": current_scope().home_reseller_id,
            "heading": heading,
            "field": key,
            "updated_at": now(),
        }
        for heading, key in pairs.items()
    ]
    wanted = insert(ImportMapping).values(rows)
    session.execute(
        wanted.on_conflict_do_update(
            index_elements=["reseller_id", "heading"],
            set_={"field": wanted.excluded.field, "updated_at": wanted.excluded.updated_at},
        )
    )


def _read_remembered(session: Session, headings: Sequence[str]) -> Mapping[str, str]:
    rows = session.execute(
        select(ImportMapping.heading, ImportMapping.field).where(
            ImportMapping.reseller_id == current_scope().home_reseller_id,
            ImportMapping.heading.in_([_plain(one) for one in headings]),
        )
    )
    return {row[0]: row[1] for row in rows}


def _words() -> dict[str, str]:
    """Headings as our own files have them, in the viewer's language and in English."""
    found = dict(_SYNONYMS)
    found |= {_plain(key.replace("_", " ")): key for key in HEADINGS}
    with force_locale("en"):
        found |= {_plain(str(text)): key for key, text in HEADINGS.items()}
    return found | {_plain(str(text)): key for key, text in HEADINGS.items()}


def _plain(heading: str) -> str:
    return sort_key(heading.replace("_", " "))[:200]
