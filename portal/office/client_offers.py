"""What a client, or a template of clients, can be given: the lists to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from babel import Locale, localedata
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select

from billing.invoice_models import InvoiceTemplate
from billing.models import PaymentTerms, TaxProfile
from core.db import Session
from core.tenancy import current_scope
from tenants import resellers
from tenants.models import ClientTemplate, Reseller, Tag

Named = PaymentTerms | TaxProfile | InvoiceTemplate | ClientTemplate


@dataclass(frozen=True, slots=True)
class Choices:
    """What the selects offer: pairs of value and text."""

    resellers: Sequence[tuple[int, str]]
    templates: Sequence[tuple[int | str, str]]
    terms: Sequence[tuple[int | str, str]]
    taxes: Sequence[tuple[int | str, str]]
    invoice_templates: Sequence[tuple[int | str, str]]
    locales: Sequence[tuple[str, str]]


def read_choices(session: Session, reseller_id: int | None = None) -> Choices:
    """Those of one reseller, or of all in the scope with the reseller's name added."""
    family = [(one.id, one.name) for one in resellers.list_resellers(session)]
    names = dict(family)
    is_one = reseller_id is not None or len(current_scope().reseller_ids) == 1

    def offered(model: type[Named], nothing: str) -> list[tuple[int | str, str]]:
        rows = _rows(session, model, reseller_id)
        named = [(one, name if is_one else f"{name} – {names[of]}") for one, name, of in rows]
        return [("", nothing), *named]

    return Choices(
        resellers=family,
        templates=offered(ClientTemplate, _("None")),
        terms=offered(PaymentTerms, _("None")),
        taxes=offered(TaxProfile, _("Default of the reseller")),
        invoice_templates=offered(InvoiceTemplate, _("Default of the reseller")),
        locales=[("", _("Not set")), *list_languages(str(get_locale() or "en"))],
    )


def list_tag_names(session: Session) -> list[str]:
    """Tags in use, to choose from while typing."""
    return list(session.scalars(select(Tag.name).distinct().order_by(Tag.name).limit(500)))


def _rows(
    session: Session, model: type[Named], reseller_id: int | None
) -> list[tuple[int, str, int]]:
    wanted = (
        select(model.id, model.name, model.reseller_id)
        .join(Reseller, Reseller.id == model.reseller_id)
        .order_by(Reseller.name, model.name)
    )
    if reseller_id is not None:
        wanted = wanted.where(model.reseller_id == reseller_id)
    return [(row[0], row[1], row[2]) for row in session.execute(wanted)]


@cache
def list_languages(shown_in: str) -> tuple[tuple[str, str], ...]:
    codes = [code for code in localedata.locale_identifiers() if code.isalpha() and code != "root"]
    named = ((code, Locale.parse(code).get_display_name(shown_in)) for code in codes)
    return tuple(
        sorted(((c, f"{n[:1].upper()}{n[1:]}") for c, n in named if n), key=lambda p: p[1])
    )
