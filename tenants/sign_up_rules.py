"""What a reseller allows strangers who want to become its clients: off until it decides."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.addresses import checked_email
from core.db import Session
from core.errors import InvalidInputError
from core.names import clean_line
from core.tenancy import current_scope
from tenants import audit, client_templates, resellers
from tenants.models import Reseller
from tenants.sign_up_models import MODES, SignUpSettings
from tenants.signed_in import is_trading
from tenants.stamps import check_stamp

MOST_DOMAINS = 100
MOST_A_DAY = 10_000
URL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Rules:
    """What a reseller allows. Without `template_id` its default template is used."""

    mode: str = "off"
    template_id: int | None = None
    domains: Sequence[str] = ()
    daily_cap: int = 50
    terms_url: str = ""


def read_rules(session: Session, reseller_id: int) -> Rules:
    """As they are stored; off where nobody has decided."""
    row = session.scalar(select(SignUpSettings).where(SignUpSettings.reseller_id == reseller_id))
    if row is None:
        return Rules()
    return Rules(row.mode, row.template_id, tuple(row.domains), row.daily_cap, row.terms_url)


def read_own_rules(session: Session) -> Rules:
    """Those of the company that the person who acts now is of."""
    return read_rules(session, current_scope().home_reseller_id)


def save_rules(session: Session, reseller_id: int, rules: Rules, *, stamp: str) -> None:
    """Change them over what was shown; raises InvalidInputError, ConflictError."""
    before = read_rules(session, reseller_id)
    check_stamp(stamp, asdict(before))
    after = _checked_rules(session, reseller_id, rules)
    values = {**asdict(after), "domains": list(after.domains)}
    session.execute(
        insert(SignUpSettings)
        .values(reseller_id=reseller_id, **values)
        .on_conflict_do_update(index_elements=["reseller_id"], set_=values)
    )
    changes = audit.differences(asdict(before), asdict(after))
    if changes:
        audit.record(
            session,
            reseller_id=reseller_id,
            action="update",
            object_type="sign_up_settings",
            object_id=reseller_id,
            changes=changes,
        )


def find_open_rules(session: Session, reseller_id: int) -> Rules | None:
    """The rules of a reseller that lets strangers sign up and may trade; None for others."""
    rules = read_rules(session, reseller_id)
    if rules.mode == "off":
        return None
    trades = session.scalar(select(Reseller.id).where(Reseller.id == reseller_id, is_trading()))
    return None if trades is None else rules


def _checked_rules(session: Session, reseller_id: int, rules: Rules) -> Rules:
    resellers.check_choice(session, reseller_id)
    if rules.mode not in MODES:
        raise InvalidInputError("Choose one from the list.", "mode")
    if not 1 <= rules.daily_cap <= MOST_A_DAY:
        raise InvalidInputError("Enter 1 to %(most)s.", "daily_cap", most=MOST_A_DAY)
    url = clean_line(rules.terms_url)
    if url and not (url.startswith("https://") and len(url) <= URL_LENGTH):
        raise InvalidInputError("Enter an address that begins with https://.", "terms_url")
    if rules.template_id is not None:
        client_templates.check_choice(session, reseller_id, rules.template_id)
    return replace(rules, domains=_checked_domains(rules.domains), terms_url=url)


def _checked_domains(domains: Sequence[str]) -> tuple[str, ...]:
    found = dict.fromkeys(one.strip().lower().lstrip("@") for one in domains if one.strip())
    if len(found) > MOST_DOMAINS:
        raise InvalidInputError("Choose at most %(count)s.", "domains", count=MOST_DOMAINS)
    for domain in found:
        if not checked_email(f"somebody@{domain}", "domains"):
            raise InvalidInputError("Enter a valid domain.", "domains")
    return tuple(found)
