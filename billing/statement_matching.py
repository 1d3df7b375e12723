"""Whose money a line of a bank statement is: by the invoice that it names, else by the client.

A number in the text counts only as a whole word, and bare digits only from four on, so that a
house number is no invoice. What fits several clients is left to a person.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Text, any_, func, literal, or_, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance
from core.db import Session
from core.names import sort_key
from tenants.models import Client, ClientCompany

By = Literal["invoice", "client", "name", "account", "tax_id", "hand", ""]
_WORD = re.compile(r"[^\W_](?:[\w/.\-#]*[^\W_])?")
_ID = re.compile(r"#?(\d{1,18})")
_FEWEST_DIGITS = 4
_SHORTEST_ACCOUNT = 8
MOST_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class Match:
    """The clients that a line fits, by what, and the open invoices of each that it names."""

    clients: tuple[int, ...] = ()
    invoices: Mapping[int, Sequence[UUID]] = field(default_factory=dict)
    by: By = ""

    @property
    def will(self) -> str:
        if len(self.clients) == 1:
            return "matched"
        return "ambiguous" if self.clients else "unmatched"


@dataclass
class _Known:
    """What was found in the database for many lines at once."""

    invoices: dict[str, list[tuple[int, UUID, bool]]] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)
    names: dict[str, set[int]] = field(default_factory=dict)
    tax_ids: dict[str, set[int]] = field(default_factory=dict)
    accounts: dict[str, set[int]] = field(default_factory=dict)


def match_lines(
    session: Session, reseller_id: int, lines: Sequence[Mapping[str, str]]
) -> list[Match]:
    """A match for each line, among the clients of the reseller that are not deleted."""
    known = _look_up(session, reseller_id, lines)
    return [_match(line, known) for line in lines]


def find_client(session: Session, reseller_id: int, said: str) -> int | None:
    """The one client that an ID or an exact name means; None for nobody or several."""
    (match,) = match_lines(session, reseller_id, [{"client": said}])
    return match.clients[0] if len(match.clients) == 1 else None


def read_currencies(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """The currency of each client."""
    wanted = sorted(set(ids))
    rows = session.execute(
        select(ClientBalance.client_id, ClientBalance.currency).where(
            ClientBalance.client_id == any_(literal(wanted, ARRAY(BigInteger)))
        )
    )
    return {row[0]: row[1] for row in rows}


def _match(line: Mapping[str, str], known: _Known) -> Match:
    named: dict[int, list[UUID]] = {}
    for word in _words(line):
        for client_id, invoice_id, is_open in known.invoices.get(word, []):
            found = named.setdefault(client_id, [])
            if is_open and invoice_id not in found:
                found.append(invoice_id)
    if named:
        return Match(_few(named), named, "invoice")
    for by, clients in _by_client(line, known):
        if clients:
            return Match(_few(clients), {}, by)
    return Match()


def _by_client(line: Mapping[str, str], known: _Known) -> Iterable[tuple[By, set[int]]]:
    said = line.get("client", "").strip()
    found = _ID.fullmatch(said)
    yield "client", {int(found.group(1))} & known.ids if found else set()
    yield "client", known.names.get(sort_key(said), set()) if said else set()
    account = _packed(line.get("payer_account", ""))
    yield "account", known.accounts.get(account, set()) if account else set()
    yield "tax_id", {one for word in _words(line) for one in known.tax_ids.get(word, ())}
    payer = sort_key(line.get("payer", ""))
    yield "name", known.names.get(payer, set()) if payer else set()


def _look_up(session: Session, reseller_id: int, lines: Sequence[Mapping[str, str]]) -> _Known:
    known = _Known()
    words = {word for line in lines for word in _words(line)}
    if words:
        rows = session.execute(
            select(
                func.upper(Invoice.number), Invoice.client_id, Invoice.id,
                Invoice.paid < Invoice.total,
            )
            .join(Client, Client.id == Invoice.client_id)
            .where(
                Invoice.reseller_id == reseller_id,
                Invoice.direction == "outgoing",
                Invoice.issued_at.is_not(None),
                Client.status != "deleted",
                func.upper(Invoice.number) == any_(literal(sorted(words), ARRAY(Text))),
            )
            .order_by(Invoice.due_on, Invoice.id)
        )  # fmt: skip
        for number, client_id, invoice_id, is_open in rows:
            known.invoices.setdefault(number, []).append((client_id, invoice_id, is_open))
    _look_up_clients(session, reseller_id, lines, words, known)
    return known


def _look_up_clients(
    session: Session,
    reseller_id: int,
    lines: Sequence[Mapping[str, str]],
    words: set[str],
    known: _Known,
) -> None:
    said = [line.get("client", "").strip() for line in lines]
    ids = sorted({int(found.group(1)) for one in said if (found := _ID.fullmatch(one))})
    names = sorted({sort_key(one) for line in lines for one in _names(line)} - {""})
    accounts = {_packed(line.get("payer_account", "")) for line in lines} - {""}
    company = func.lower(ClientCompany.company_name)
    folded = sorted({one.strip().lower() for line in lines for one in _names(line)} - {""})
    details = func.upper(
        func.regexp_replace(ClientCompany.account_details, r"[^A-Za-z0-9]", "", "g")
    )
    tax_id = func.upper(func.regexp_replace(ClientCompany.tax_id, r"[^A-Za-z0-9]", "", "g"))
    rows = session.execute(
        select(Client.id, Client.name_key, ClientCompany.company_name, tax_id, details)
        .outerjoin(ClientCompany, ClientCompany.client_id == Client.id)
        .where(
            Client.reseller_id == reseller_id,
            Client.status != "deleted",
            or_(
                Client.id == any_(literal(ids, ARRAY(BigInteger))),
                Client.name_key == any_(literal(names, ARRAY(Text))),
                company == any_(literal(folded, ARRAY(Text))),
                tax_id
                == any_(literal(sorted({_packed(one) for one in words} - {""}), ARRAY(Text))),
                *([ClientCompany.account_details != ""] if accounts else []),
            ),
        )
    )
    for client_id, name_key, company_name, found_tax_id, found_details in rows:
        known.ids.add(client_id)
        for name in {name_key, sort_key(company_name or "")} - {""}:
            known.names.setdefault(name, set()).add(client_id)
        if found_tax_id:
            known.tax_ids.setdefault(found_tax_id, set()).add(client_id)
        for account in accounts:
            if account in (found_details or ""):
                known.accounts.setdefault(account, set()).add(client_id)


def _names(line: Mapping[str, str]) -> list[str]:
    return [line.get("payer", ""), line.get("client", "")]


def _words(line: Mapping[str, str]) -> list[str]:
    """Words of the text that an invoice's number or a tax id could be, each once, in order."""
    text = f"{line.get('text', '')} {line.get('reference', '')}"
    found = [word.upper() for word in _WORD.findall(text)]
    found += [word.removeprefix("#") for word in found if word.startswith("#")]
    long = [one for one in found if not one.isdecimal() or len(one) >= _FEWEST_DIGITS]
    return list(dict.fromkeys(one for one in long if any(letter.isdigit() for letter in one)))


def _packed(account: str) -> str:
    """An account number without its blanks; one too short to be told apart is none."""
    packed = re.sub(r"[^A-Za-z0-9]", "", account).upper()
    return packed if len(packed) >= _SHORTEST_ACCOUNT else ""


def _few(clients: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(clients)[:MOST_CANDIDATES])
