"""Who stands in the demo: two resellers, one with a sub-reseller, and what each client is like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from portal.demo import names

PASSWORD = "harbour lights 2026"  # noqa: S105 (printed for whoever tries the demo)
GOOD_CARD, GOOD_ZIP = "4111111111111111", "10001"
OTHER_CARD = "5424000000000015"
DECLINED_ZIP = "46282"  # the gateway's published trigger for a decline

Mood = Literal["settled", "behind", "prepaid", "empty"]
Fate = Literal["paid", "accepted", "to_verify", "void"]
# what became of the invoices of those that sell to us, the newest first
_SELLERS: Mapping[str, tuple[Fate, ...]] = {
    "Granite State Telecom": ("accepted", "paid"),
    "Keystone Carrier Services": ("to_verify",),
    "Meridian Wholesale VoIP": ("accepted",),
    "Summit Termination LLC": ("to_verify", "accepted", "paid"),
    "Voz Directa Mayorista": ("accepted", "paid"),
    "Łódź Termination Group": ("to_verify",),
    "Ωμέγα Τηλ ΑΕ": ("accepted", "void", "paid"),
}


@dataclass(frozen=True, slots=True)
class ResellerPlan:
    """One tenant of the demo; amounts of its clients are multiplied by `price_level`.

    `is_retail`: it sells vouchers, and strangers can sign up with it.
    """

    name: str
    code: str
    currency: str
    timezone: str
    locale: str
    clients: Sequence[str]
    tax: tuple[str, str]
    price_level: Decimal
    address: str
    tax_id: str
    parent: str | None = None
    panel_logins: tuple[str, ...] = ()
    gateway: str = "authorizenet"
    is_retail: bool = False


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """One client. `card_zip` None: no saved card; `sells`: what became of its invoices to us."""

    number: int
    name: str
    mood: Mood
    status: str
    postpaid: bool
    credit: Decimal
    terms: str | None
    tags: tuple[str, ...]
    login: str
    billing_email: str
    card_zip: str | None
    auto_payment: bool
    seed: int
    sells: tuple[Fate, ...] = ()


RESELLERS = (
    ResellerPlan(
        name="Northwind Voice",
        code="northwind",
        currency="USD",
        timezone="America/New_York",
        locale="en",
        clients=names.NORTHWIND_CLIENTS,
        tax=("Sales tax", "7.25"),
        price_level=Decimal(1),
        address="200 Harbor Street\nBoston, MA 02110\nUnited States",
        tax_id="04-3210987",
        panel_logins=("alder", "bayside", "heron", "calder"),
        is_retail=True,
    ),
    ResellerPlan(
        name="Northwind Pacific",
        code="northwind-pacific",
        currency="JPY",
        timezone="Asia/Tokyo",
        locale="en",
        clients=names.PACIFIC_CLIENTS,
        tax=("消費税 Consumption tax", "10"),
        price_level=Decimal(150),
        address="港区芝公園 4-2-8\n東京都 105-0011\nJapan",
        tax_id="T1234567890123",
        parent="northwind",
        panel_logins=("sakura",),
    ),
    ResellerPlan(
        name="Mirador Telecom",
        code="mirador",
        currency="EUR",
        timezone="Europe/Madrid",
        locale="en",
        clients=names.MIRADOR_CLIENTS,
        tax=("IVA", "21"),
        price_level=Decimal("0.92"),
        address="Calle de Alcalá 48\n28014 Madrid\nEspaña",
        tax_id="ESB12345674",
        panel_logins=("aceites", "agora", "alpen"),
        gateway="stripe",
    ),
)


def demo_id(*parts: object) -> UUID:
    """The id that a thing of the demo has at every run: each step may be repeated."""
    return uuid5(NAMESPACE_URL, "https://demo.portal.example/" + "/".join(map(str, parts)))


def plan_clients(reseller: ResellerPlan) -> list[ClientPlan]:
    """Every state that a client can be in, the same ones at each run."""
    return [_plan_client(reseller, number, name) for number, name in enumerate(reseller.clients)]


def _plan_client(reseller: ResellerPlan, number: int, name: str) -> ClientPlan:
    dice = Random(f"{reseller.code}:{number}")  # noqa: S311 (variety, not a secret)
    login = reseller.panel_logins[number] if number < len(reseller.panel_logins) else ""
    has_card = number < 8 or (reseller.parent is not None and number < 2)
    mood: Mood = ("settled", "prepaid", "prepaid", "behind", "prepaid", "settled")[number % 6]
    if number % 20 == 19:
        mood = "empty"
    postpaid = mood in ("settled", "behind") and number % 4 != 0
    return ClientPlan(
        number=number,
        name=name,
        mood=mood,
        status={17: "stop", 33: "stop", 41: "deleted", 52: "stop", 57: "deleted"}.get(
            number, "active"
        ),
        postpaid=postpaid,
        credit=Decimal(0) if postpaid else Decimal(dice.choice(("0", "0", "100", "500", "-25"))),
        terms=None
        if mood in ("prepaid", "empty")
        else ("fortnight" if number % 10 == 5 else "monthly"),
        tags=tuple(sorted(dice.sample(names.TAGS, dice.choice((0, 1, 1, 2, 3))))),
        login=login,
        billing_email=_billing_email(reseller, number),
        card_zip=None if not has_card else (DECLINED_ZIP if number in (3, 5) else GOOD_ZIP),
        auto_payment=has_card and number != 1,
        seed=number,
        sells=_SELLERS.get(name, ()),
    )


def _billing_email(reseller: ResellerPlan, number: int) -> str:
    if number in (15, 39):
        return f"accounts-{number}@bounce.example"  # the sandbox mailbox refuses this domain
    if number == 27:
        return f"accounts-{number}@later.example"  # and asks to try this one later
    return f"accounts-{number}@{reseller.code}-client.example"
