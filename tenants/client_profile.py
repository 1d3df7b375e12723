"""What a client changes of its own record, as far as its reseller lets it.

Runs in the scope of one client. Staff edit the same fields in the client's form: the client is told
by the stamp of what it saw, staff by the version of the client, which moves on here too.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError
from core.tenancy import current_actor
from tenants import audit, client_blocks, clients, panel_rules
from tenants.client_blocks import Company
from tenants.models import Client, ClientCompany
from tenants.panel_rules import Rules
from tenants.stamps import make_stamp

CONTACTS = ("main_email", "billing_email", "rates_email", "noc_email")
COMPANY = ("company_name", "address", "zip_code")
TAX_IDS = ("tax_id", "reg_id")


@dataclass(frozen=True, slots=True)
class Profile:
    """The block as it is stored, what of it the client may change, and the stamp of that."""

    company: Company
    rules: Rules
    stamp: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what may be changed."""
        return editable_fields(self.rules)

    @property
    def sign_in_email(self) -> str:
        """Where mail about the account goes, the link for a forgotten password too."""
        return sign_in_email(self.company)


def editable_fields(rules: Rules) -> tuple[str, ...]:
    """What the reseller lets its clients change of the Company Info block."""
    groups = (
        (rules.edits_company, COMPANY),
        (rules.edits_tax_ids, TAX_IDS),
        (rules.edits_contacts, CONTACTS),
    )
    return tuple(name for is_allowed, names in groups if is_allowed for name in names)


def sign_in_email(company: Company) -> str:
    """The main address, else that of billing: as `tenants.signin_accounts` reads it."""
    return company.main_email or company.billing_email


def read_profile(session: Session, client: Client) -> Profile:
    """The client's own block."""
    rules = panel_rules.read_rules(session, client.reseller_id)
    company = client_blocks.get_company(session, client.id)
    return Profile(company, rules, _stamp(company, editable_fields(rules)))


def save_profile(
    session: Session, client_id: int, wish: Mapping[str, str], *, stamp: str
) -> Profile:
    """Write what the client changed; what was stored before is returned.

    Only the fields that its reseller lets it change are taken. Raises NotAllowedError for any
    other, InvalidInputError naming the field, ConflictError when somebody has changed one of them
    since it was shown.
    """
    client = clients.get_client(session, client_id)
    clients.refuse_erased(client)
    before = _begin(session, client)
    allowed = editable_fields(before.rules)
    if not set(wish) <= set(allowed):
        raise NotAllowedError("Your provider keeps these details. Ask it to change them.")
    wished: dict[str, Any] = {**asdict(before.company), **wish}
    checked = client_blocks.checked_company(Company(**wished))
    after = {name: getattr(checked, name) for name in allowed}
    changes = audit.differences({name: getattr(before.company, name) for name in allowed}, after)
    if not changes:
        # also a second click: what was wished for is so
        return before
    if stamp != before.stamp:
        raise ConflictError("Somebody has changed these details since you opened them.")
    if sign_in_email(before.company) and not sign_in_email(checked):
        raise InvalidInputError("Enter an address that mail reaches you at.", "main_email")
    changed = {name: value for name, (_before, value) in changes.items()}
    session.execute(
        insert(ClientCompany)
        .values(client_id=client.id, reseller_id=client.reseller_id, **changed)
        .on_conflict_do_update(index_elements=["client_id"], set_=changed)
    )
    _move_version_on(session, client)
    audit.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        action="update",
        object_type="client",
        object_id=client.id,
        object_label=client.name,
        changes=changes,
    )
    return before


def _begin(session: Session, client: Client) -> Profile:
    """What is stored now, with the client's row locked: staff's form and this one take turns."""
    session.scalar(select(Client.id).where(Client.id == client.id).with_for_update())
    return read_profile(session, client)


def _move_version_on(session: Session, client: Client) -> None:
    session.execute(
        update(Client)
        .where(Client.id == client.id)
        .values(version=Client.version + 1, updated_at=now(), updated_by=current_actor().label)
        .execution_options(synchronize_session=False)
    )


def _stamp(company: Company, fields: tuple[str, ...]) -> str:
    stored = asdict(company)
    return make_stamp({name: stored[name] for name in fields})
