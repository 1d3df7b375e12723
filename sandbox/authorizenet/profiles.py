"""Customer profiles and their cards (CIM), with the rules E00039, E00040 and E00042."""

from dataclasses import asdict
from sqlite3 import Row
from xml.etree.ElementTree import Element

from sandbox.authorizenet.cards import TEST_CARDS, Card, digits_of, expiry_problem, make_card
from sandbox.authorizenet.document import ApiError, Call, element, invalid, optional
from sandbox.authorizenet.store import Store

MOST_CARDS = 10
NOT_FOUND = ("E00040", "The record cannot be found.")


def create_customer(call: Call) -> list[Element | None]:
    """A profile; the same merchantCustomerId, e-mail and description again is E00039."""
    merchant_customer_id = call.limited("profile/merchantCustomerId", 20)
    email = call.limited("profile/email", 255)
    description = call.limited("profile/description", 255)
    if not (merchant_customer_id or email or description):
        raise ApiError("E00041", "One or more fields in the profile must contain a value.")
    existing = call.store.one(
        "SELECT id FROM customers WHERE merchant_id = ? AND merchant_customer_id = ?"
        " AND email = ? AND description = ?",
        call.merchant["id"], merchant_customer_id, email, description,
    )  # fmt: skip
    if existing is not None:
        raise ApiError("E00039", f"A duplicate record with ID {existing['id']} already exists.")
    customer_id = call.store.insert(
        "customers",
        {
            "merchant_id": call.merchant["id"],
            "merchant_customer_id": merchant_customer_id,
            "email": email,
            "description": description,
        },
    )
    call.events.append((
        "net.authorize.customer.created",
        {"entityName": "customerProfile", "id": str(customer_id),
         "merchantCustomerId": merchant_customer_id},
    ))  # fmt: skip
    return [
        element("customerProfileId", str(customer_id)),
        element("customerPaymentProfileIdList"),
        element("customerShippingAddressIdList"),
        element("validationDirectResponseList"),
    ]


def get_customer(call: Call) -> list[Element | None]:
    """A profile with its cards, numbers masked."""
    customer = find_customer(call)
    unmask = call.text("unmaskExpirationDate") == "true"
    cards = call.store.all("SELECT * FROM cards WHERE customer_id = ? ORDER BY id", customer["id"])
    return [
        element(
            "profile",
            optional("merchantCustomerId", customer["merchant_customer_id"]),
            optional("description", customer["description"]),
            optional("email", customer["email"]),
            element("customerProfileId", str(customer["id"])),
            *(_payment_profile("paymentProfiles", card, unmask=unmask) for card in cards),
            element("profileType", "regular"),
        )
    ]


def delete_customer(call: Call) -> list[Element | None]:
    """Forget a profile and its cards."""
    customer = find_customer(call)
    call.store.run("DELETE FROM cards WHERE customer_id = ?", customer["id"])
    call.store.run("DELETE FROM customers WHERE id = ?", customer["id"])
    return []


def create_payment_profile(call: Call) -> list[Element | None]:
    """Save a card that the merchant's own server sends."""
    customer = find_customer(call)
    card = card_of_request(call, "paymentProfile/payment/creditCard", "paymentProfile/billTo")
    card_id = save_card(call.store, customer["id"], card)
    call.events.append(card_event("created", customer["id"], card_id))
    return [
        element("customerProfileId", str(customer["id"])),
        element("customerPaymentProfileId", str(card_id)),
    ]


def get_payment_profile(call: Call) -> list[Element | None]:
    """One card, its number masked."""
    unmask = call.text("unmaskExpirationDate") == "true"
    return [_payment_profile("paymentProfile", _find_card(call), unmask=unmask)]


def delete_payment_profile(call: Call) -> list[Element | None]:
    """Forget a card."""
    card = _find_card(call)
    call.store.run("DELETE FROM cards WHERE id = ?", card["id"])
    call.events.append(card_event("deleted", card["customer_id"], card["id"]))
    return []


def save_card(store: Store, customer_id: int, card: Card) -> int:
    """Keep a card; the id of the new payment profile. E00039 if it is there, E00042 if full."""
    same = store.one(
        "SELECT id FROM cards WHERE customer_id = ? AND card_hash = ? AND first_name = ?"
        " AND last_name = ? AND address = ? AND zip = ?",
        customer_id, card.card_hash, card.first_name, card.last_name, card.address, card.zip,
    )  # fmt: skip
    if same is not None:
        raise ApiError("E00039", "A duplicate customer payment profile already exists.")
    count = store.get("SELECT count(*) AS n FROM cards WHERE customer_id = ?", customer_id)
    if count["n"] >= MOST_CARDS:
        raise ApiError("E00042", f"You cannot add more than {MOST_CARDS} payment profiles.")
    values = asdict(card)
    del values["cvv"]
    return store.insert("cards", {"customer_id": customer_id, **values})


def card_event(what: str, customer_id: int, card_id: int) -> tuple[str, dict[str, object]]:
    """The webhook about a card."""
    return (
        f"net.authorize.customer.paymentProfile.{what}",
        {
            "customerProfileId": customer_id,
            "entityName": "customerPaymentProfile",
            "id": str(card_id),
        },
    )


def find_customer(call: Call) -> Row:
    """The profile that the request names, of this merchant; E00040 if there is none."""
    if call.text("customerProfileId"):
        where, value = "id = ?", str(call.number("customerProfileId"))
    else:
        where, value = "merchant_customer_id = ?", call.required("merchantCustomerId")
    row = call.store.one(
        f"SELECT * FROM customers WHERE merchant_id = ? AND {where}", call.merchant["id"], value
    )
    if row is None:
        raise ApiError(*NOT_FOUND)
    return row


def _find_card(call: Call) -> Row:
    customer = find_customer(call)
    card = call.store.one(
        "SELECT * FROM cards WHERE id = ? AND customer_id = ?",
        call.number("customerPaymentProfileId"), customer["id"],
    )  # fmt: skip
    if card is None:
        raise ApiError(*NOT_FOUND)
    return card


def card_of_request(call: Call, card_path: str, bill_to_path: str) -> Card:
    """A card that came in the request itself."""
    number = digits_of(call.required(f"{card_path}/cardNumber"))
    if number not in TEST_CARDS:
        raise ApiError("E00027", "The credit card number is invalid.")
    year, _, month = call.required(f"{card_path}/expirationDate").partition("-")
    if not (year.isdigit() and month.isdigit()):
        raise invalid("The 'expirationDate' element is invalid.")
    problem = expiry_problem(int(year), int(month), call.store.now())
    if problem:
        raise ApiError("E00027", "The credit card has expired.")
    holder = {
        "first_name": call.text(f"{bill_to_path}/firstName"),
        "last_name": call.text(f"{bill_to_path}/lastName"),
        "address": call.text(f"{bill_to_path}/address"),
        "zip": call.text(f"{bill_to_path}/zip"),
    }
    code = call.text(f"{card_path}/cardCode")
    return make_card(number, f"{year}-{month}", code, holder, call.store.card_salt)


def masked(row: Row, *, expiry: str) -> Element:
    """The card or bank account of a profile or a transaction, its numbers masked."""
    if not row["account_type"]:
        return element(
            "creditCard",
            element("cardNumber", f"XXXX{row['last_four']}"),
            element("expirationDate", expiry),
            element("cardType", row["brand"]),
        )
    is_business = row["account_type"] == "businessChecking"
    return element(
        "bankAccount",
        element("accountType", row["account_type"]),
        element("routingNumber", f"XXXX{row['routing']}"),
        element("accountNumber", f"XXXX{row['last_four']}"),
        element("nameOnAccount", f"{row['first_name']} {row['last_name']}".strip()),
        element("echeckType", "CCD" if is_business else "WEB"),
        element("bankName", row["brand"]),
    )


def _payment_profile(tag: str, card: Row, *, unmask: bool) -> Element:
    return element(
        tag,
        element(
            "billTo",
            optional("firstName", card["first_name"]),
            optional("lastName", card["last_name"]),
            optional("address", card["address"]),
            optional("zip", card["zip"]),
        ),
        element("customerProfileId", str(card["customer_id"])),
        element("customerPaymentProfileId", str(card["id"])),
        element("payment", masked(card, expiry=card["expiry"] if unmask else "XXXX")),
        optional("originalNetworkTransId", card["network_trans_id"]),
    )
