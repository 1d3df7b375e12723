"""Which client a row of a file is about, and what a new one begins with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from billing.invoice_models import InvoiceTemplate
from billing.models import PaymentTerms, TaxProfile
from core.db import Session
from core.names import sort_key
from core.tenancy import current_scope
from payments.client_import_rows import Mistake, Names, Values
from payments.client_wholes import Whole, read_wholes
from tenants.clients import General
from tenants.models import Client, Reseller

SAME_NAME = "Another client has this name."
SAME_NAME_IN_FILE = "Another row of the file has this name."
SAME_ID_IN_FILE = "Another row of the file has this ID."


@dataclass(frozen=True, slots=True)
class Match:
    """`before` None: the row makes a client, which begins as `blank`."""

    blank: Whole
    before: Whole | None = None
    mistakes: Sequence[Mistake] = ()
    warnings: Sequence[str] = field(default=())


def read_names(session: Session) -> Names:
    """What cells can name: everything of the scope, by its name in small letters."""
    resellers = session.execute(select(Reseller.id, Reseller.name, Reseller.code))
    by_name: dict[str, int] = {}
    for row in resellers:
        by_name[row.code.lower()] = row.id
        by_name[" ".join(row.name.split()).lower()] = row.id
    return Names(
        by_name,
        _of_resellers(session, PaymentTerms),
        _of_resellers(session, TaxProfile),
        _of_resellers(session, InvoiceTemplate),
    )


class Matcher:
    """Finds the clients of some rows at once."""

    def __init__(self, session: Session, names: Names, *, mode: str, match_by: str) -> None:
        self._session, self._names = session, names
        self._mode, self._match_by = mode, match_by
        self._home_id = current_scope().home_reseller_id
        rows = session.execute(select(Reseller.id, Reseller.currency, Reseller.timezone))
        self._blanks = {
            row.id: Whole(
                0,
                row.id,
                is_erased=False,
                general=General(
                    "", row.currency, row.timezone, is_originator=True, is_terminator=False
                ),
            )
            for row in rows
        }

    def find_ids(self, rows: Iterable[Values]) -> list[int]:
        """Clients that these rows may be about, for locking them."""
        if self._mode == "create":
            return []
        if self._match_by == "id":
            return [one for one in map(_id_of, rows) if one]
        return [one for ids in self._by_name(rows).values() for one in ids]

    def match(self, rows: Sequence[Values]) -> list[Match]:
        """What each row is about, in order."""
        by_name = self._by_name(rows)
        ids = [one for found in by_name.values() for one in found]
        if self._match_by == "id":
            ids += [one for one in map(_id_of, rows) if one]
        wholes = read_wholes(self._session, ids) if self._mode != "create" and ids else {}
        return [self._match_one(values, by_name, wholes) for values in rows]

    def _match_one(
        self, values: Values, by_name: Mapping[str, list[int]], wholes: Mapping[int, Whole]
    ) -> Match:
        reseller_id, mistakes = self._reseller_of(values)
        blank = self._blanks[reseller_id]
        key = sort_key(values.get("name", ""))
        twins = by_name.get(key, []) if key else []
        if self._mode == "create":
            return Match(blank, None, mistakes, [SAME_NAME] if twins else [])
        found, mistake = self._find(values, twins, wholes)
        if mistake is not None:
            mistakes = [*mistakes, mistake]
        if found is not None and values.get("reseller") and found.reseller_id != reseller_id:
            mistakes = [*mistakes, Mistake("reseller", "A client stays with its reseller.")]
        if found is not None and found.is_erased:
            mistakes = [*mistakes, Mistake("id", "This client was removed for good.")]
        warnings = [SAME_NAME] if found is None and twins else []
        return Match(blank, found, mistakes, warnings)

    def _find(
        self, values: Values, twins: Sequence[int], wholes: Mapping[int, Whole]
    ) -> tuple[Whole | None, Mistake | None]:
        if self._match_by == "id":
            client_id = _id_of(values)
            if client_id is not None and client_id in wholes:
                return wholes[client_id], None
            if values.get("id") or self._mode == "update":
                return None, Mistake("id", "No client has this ID.")
            return None, None
        if len(twins) > 1:
            return None, Mistake("name", "Several clients have this name: match by ID.")
        if twins:
            return wholes.get(twins[0]), None
        if self._mode == "update":
            return None, Mistake("name", "No client has this name.")
        return None, None

    def _reseller_of(self, values: Values) -> tuple[int, list[Mistake]]:
        text = " ".join(values.get("reseller", "").split()).lower()
        if not text:
            return self._home_id, []
        found = self._names.resellers.get(text)
        if found is None:
            return self._home_id, [Mistake("reseller", "You have no reseller of this name.")]
        return found, []

    def _by_name(self, rows: Iterable[Values]) -> dict[str, list[int]]:
        keys = {sort_key(values.get("name", "")) for values in rows} - {""}
        found: dict[str, list[int]] = defaultdict(list)
        if not keys:
            return found
        clients = self._session.execute(
            select(Client.name_key, Client.id)
            .where(Client.name_key.in_(keys), Client.status != "deleted")
            .order_by(Client.id)
        )
        for row in clients:
            found[row.name_key].append(row.id)
        return found


def _id_of(values: Values) -> int | None:
    text = values.get("id", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _of_resellers(session: Session, model: Any) -> dict[tuple[int, str], int]:  # noqa: ANN401
    rows = session.execute(select(model.reseller_id, model.name, model.id))
    return {(row[0], " ".join(row[1].split()).lower()): row[2] for row in rows}
