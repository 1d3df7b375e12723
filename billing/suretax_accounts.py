"""A reseller's account at SureTax. The validation key goes in and never comes out again."""

import hmac
from dataclasses import asdict, dataclass
from decimal import Decimal

from sqlalchemy import select

from billing import numbers, suretax_rules, suretax_wire
from billing.suretax_models import SureTaxAccount
from billing.suretax_wire import Answer, Credentials
from core import secrets
from core.clock import today
from core.config import Settings
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from core.http_post import check_url
from core.zones import get_zone
from tenants import audit
from tenants.models import Reseller

SERVICES = ("live", "test", "own")
# the regulatory codes that SureTax's documentation names
PROVIDERS = ("00", "01", "02", "03", "04", "05", "99")
# usage, package fees and other charges of a VoIP carrier, until a reseller says otherwise
USAGE_CODE, PACKAGE_CODE, EXTRA_CODE = "050105", "050101", "050110"
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class AccountWish:
    """What a form says; an empty `validation_key` keeps the stored one, at the same address."""

    client_number: str
    validation_key: str = ""
    business_unit: str = ""
    service: str = "test"
    own_url: str = ""
    regulatory_code: str = "03"
    usage_code: str = USAGE_CODE
    package_code: str = PACKAGE_CODE
    extra_code: str = EXTRA_CODE
    enabled: bool = True


def save_account(
    session: Session,
    *,
    reseller_id: int,
    wish: AccountWish,
    settings: Settings,
    version: int | None = None,
) -> SureTaxAccount:
    """Make or change the reseller's account; `version` is that of what was shown, None for none.

    Invoice numbers keep to what SureTax takes from then on. Raises InvalidInputError naming the
    field, ConflictError when somebody changed it meanwhile.
    """
    # the reseller's row is the lock: the account may not exist yet
    session.execute(select(Reseller.id).where(Reseller.id == reseller_id).with_for_update())
    account = find_account(session, reseller_id, for_update=True)
    checked = _checked(wish, settings)
    if account is not None and _says_the_same(account, checked, wish, settings):
        return account
    if (account.version if account else None) != version:
        raise ConflictError("Somebody else has changed this meanwhile. Look at it again.")
    if wish.enabled:
        _check_numbers(session, reseller_id)
    key = suretax_rules.check_validation_key(wish.validation_key)
    _require_key(account, checked, key)
    if account is None:
        account = SureTaxAccount(reseller_id=reseller_id, version=0, sealed_key="")
        session.add(account)
    before = {} if version is None else _facts(account)
    for name, value in checked.items():
        setattr(account, name, value)
    if key:
        account.sealed_key = secrets.encrypt(settings.credential_key_ring, _place(reseller_id), key)
        account.key_tail = key[-_SHOWN:] if len(key) > 2 * _SHOWN else ""
    account.version += 1
    session.flush()
    changes: dict[str, tuple[object, object]] = dict(audit.differences(before, _facts(account)))
    if key:
        changes["validation_key"] = (None, None)
    if changes:
        audit.record(
            session,
            reseller_id=reseller_id,
            action="create" if version is None else "update",
            object_type="suretax_account",
            object_id=reseller_id,
            object_label=account.client_number,
            changes=changes,
        )
    return account


def find_account(
    session: Session, reseller_id: int, *, for_update: bool = False
) -> SureTaxAccount | None:
    """The reseller's account, in use or not."""
    query = select(SureTaxAccount).where(SureTaxAccount.reseller_id == reseller_id)
    return session.scalar(query.with_for_update() if for_update else query)


def get_account(session: Session, reseller_id: int) -> SureTaxAccount:
    """Raises NotFoundError, also for one of another tenant."""
    account = find_account(session, reseller_id)
    if account is None:
        raise NotFoundError("SureTax is not set up here.")
    return account


def list_accounts(session: Session) -> list[SureTaxAccount]:
    """Those of the scope."""
    return list(session.scalars(select(SureTaxAccount).order_by(SureTaxAccount.reseller_id)))


def open_account(account: SureTaxAccount, settings: Settings) -> Credentials:
    """What the adapter needs. Raises NotAllowedError for the live service outside production.

    (A development site's own stand-in may be behind the name of the live one.)
    """
    live = settings.suretax_live_url
    if account.service == "live" and not settings.is_production and live.startswith("https:"):
        raise NotAllowedError("The live service of SureTax works in production only.")
    addresses = {"live": live, "test": settings.suretax_test_url, "own": account.own_url}
    return Credentials(
        address=addresses[account.service],
        is_foreign=account.service == "own" and settings.is_production,
        client_number=account.client_number,
        validation_key=secrets.decrypt(
            settings.credential_key_ring, _place(account.reseller_id), account.sealed_key
        ),
        business_unit=account.business_unit,
    )


def reseal_key(account: SureTaxAccount, settings: Settings) -> None:
    """Encrypt the key again with the ring's first key, so that an older one can be dropped."""
    ring, place = settings.credential_key_ring, _place(account.reseller_id)
    account.sealed_key = secrets.encrypt(
        ring, place, secrets.decrypt(ring, place, account.sealed_key)
    )


def try_account(who: Credentials, account: SureTaxAccount) -> Answer:
    """Ask for a quote on 1.00 of usage in New York: it is filed nowhere. No transaction open."""
    day = today(get_zone("America/New_York"))
    item = {
        "LineNumber": "1",
        "InvoiceNumber": "TEST",
        "CustomerNumber": "TEST",
        "OrigNumber": "",
        "TermNumber": "",
        "BillToNumber": "",
        "Zipcode": "10001",
        "Plus4": "",
        "TransDate": f"{day:%m/%d/%Y}",
        "Revenue": suretax_rules.write_revenue(Decimal(1)),
        "Units": "1",
        "UnitType": "00",
        "Seconds": "1",
        "TaxIncludedCode": "0",
        "TaxSitusRule": "04",
        "TransTypeCode": account.usage_code,
        "SalesTypeCode": "B",
        "RegulatoryCode": account.regulatory_code,
        "TaxExemptionCodeList": ["00"],
        "ExemptReasonCode": "None",
    }
    return suretax_wire.calculate(
        who,
        {
            "DataYear": f"{day:%Y}",
            "DataMonth": f"{day:%m}",
            "CmplDataYear": f"{day:%Y}",
            "CmplDataMonth": f"{day:%m}",
            "TotalRevenue": item["Revenue"],
            "ReturnFileCode": suretax_wire.QUOTE,
            "ClientTracking": "connection test",
            "ResponseType": "D2",
            "ResponseGroup": "00",
            "STAN": "",
            "ItemList": [item],
        },
    )


def _checked(wish: AccountWish, settings: Settings) -> dict[str, object]:
    if wish.service not in SERVICES:
        raise InvalidInputError("Choose which service is asked.", "service")
    own_url = ""
    if wish.service == "own":
        try:
            own_url = check_url(wish.own_url, is_foreign=settings.is_production).rstrip("/")
        except InvalidInputError as error:
            raise InvalidInputError(error.text, "own_url", **error.values) from error
    if wish.regulatory_code not in PROVIDERS:
        raise InvalidInputError("Choose what kind of provider you are.", "regulatory_code")
    codes = {
        field: suretax_rules.check_code(getattr(wish, field), field, digits=6)
        for field in ("usage_code", "package_code", "extra_code")
    }
    return {
        "client_number": suretax_rules.check_client_number(wish.client_number),
        "business_unit": suretax_rules.check_business_unit(wish.business_unit),
        "service": wish.service,
        "own_url": own_url,
        "regulatory_code": wish.regulatory_code,
        "enabled": wish.enabled,
        **codes,
    }


def _says_the_same(
    account: SureTaxAccount, checked: dict[str, object], wish: AccountWish, settings: Settings
) -> bool:
    key = wish.validation_key.strip()
    place = _place(account.reseller_id)
    stored = secrets.decrypt(settings.credential_key_ring, place, account.sealed_key)
    is_same_key = not key or hmac.compare_digest(key.encode(), stored.encode())
    return is_same_key and all(getattr(account, name) == value for name, value in checked.items())


def _require_key(account: SureTaxAccount | None, checked: dict[str, object], key: str) -> None:
    if key:
        return
    is_elsewhere = (
        account is not None
        and checked["service"] == "own"
        and account.own_url != checked["own_url"]
    )
    if account is None or is_elsewhere:
        # else the stored key could be sent to a server of somebody's choice
        raise InvalidInputError("Enter the validation key.", "validation_key")


def _check_numbers(session: Session, reseller_id: int) -> None:
    series = numbers.read_series(session, reseller_id)
    try:
        numbers.check_template(series.template, suretax=True)
    except InvalidInputError as error:
        raise InvalidInputError(
            "Invoice numbers are written as %(template)s, and SureTax takes at most 40 Latin"
            " letters and digits. Change the numbering of the reseller first, for example to"
            " INV%%Y%%N.",
            template=series.template,
        ) from error


def _facts(account: SureTaxAccount) -> dict[str, object]:
    """What the audit log says of it: everything but the key."""
    names = [*asdict(AccountWish(client_number=""))]
    return {name: getattr(account, name) for name in names if name != "validation_key"}


def _place(reseller_id: int) -> str:
    return f"suretax_accounts|validation_key|{reseller_id}"
