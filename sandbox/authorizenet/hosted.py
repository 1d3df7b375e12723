"""The hosted pages: adding a card (Accept Customer) and paying once (Accept Hosted)."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from sqlite3 import Row
from typing import Any
from urllib.parse import urlsplit

from sandbox.authorizenet import bank_page
from sandbox.authorizenet.cards import (
    TEST_CARDS,
    Card,
    code_length,
    digits_of,
    expiry_problem,
    make_card,
)
from sandbox.authorizenet.charging import Wish, charge
from sandbox.authorizenet.document import ApiError
from sandbox.authorizenet.markup import Markup, Part, Response, join, page, redirect, tag
from sandbox.authorizenet.profiles import card_event, save_card
from sandbox.authorizenet.results import REASONS, Refusal
from sandbox.authorizenet.store import Store
from sandbox.authorizenet.tokens import CARD_PAGE, PAYMENT_PAGE
from sandbox.authorizenet.webhooks import announce

TOKEN_LIFE_S = 15 * 60
_FIELDS = (
    "expiry", "first_name", "last_name", "address", "zip", "routing_number", "account_type",
)  # fmt: skip
_LONGEST_FIELD = 60

Form = Mapping[str, str]


@dataclass(frozen=True)
class Visit:
    """A browser with a token that is good."""

    token: str
    kind: str
    merchant: Row
    details: dict[str, Any]
    is_used: bool


def open_page(store: Store, kind: str, form: Form) -> Response:
    """The empty form, for a browser that brings a token."""
    visit = _visit(store, kind, form)
    if visit is None:
        return _expired()
    return redirect(visit.details["return_url"]) if visit.is_used else _form(visit, {}, {})


def submit_card(store: Store, form: Form) -> Response:
    """Save a card and send the browser back."""
    return _submit(store, CARD_PAGE, form, _save)


def submit_payment(store: Store, form: Form) -> Response:
    """Charge a card and send the browser back; a decline leaves it on the page."""
    return _submit(store, PAYMENT_PAGE, form, _pay)


def _submit(
    store: Store, kind: str, form: Form, act: Callable[[Store, Visit, Card, Form], str]
) -> Response:
    """Do it once per token: of two clicks at once the second waits, and finds the token used."""
    with store.transaction():
        visit = _visit(store, kind, form)
        if visit is None:
            return _expired()
        if visit.is_used:
            return redirect(visit.details["return_url"])
        card, problems = _read_card(store, visit, form)
        if card is None:
            return _form(visit, form, problems, status=422)
        try:
            alert = act(store, visit, card, form)
        except ApiError as error:
            alert = error.text
        except Refusal as refusal:
            alert = REASONS[refusal.reason_code]
        if alert:
            return _form(visit, form, {}, alert=alert, status=422)
        store.run("UPDATE page_tokens SET is_used = 1 WHERE token = ?", visit.token)
        return redirect(visit.details["return_url"])


def _visit(store: Store, kind: str, form: Form) -> Visit | None:
    row = store.one(
        "SELECT * FROM page_tokens WHERE token = ? AND kind = ?", form.get("token", ""), kind
    )
    if row is None or row["made_at"] < store.now() - TOKEN_LIFE_S:
        return None
    merchant = store.get("SELECT * FROM merchants WHERE id = ?", row["merchant_id"])
    details = json.loads(row["details"])
    return Visit(row["token"], kind, merchant, details, bool(row["is_used"]))


def _pay(store: Store, visit: Visit, card: Card, form: Form) -> str:
    """Charge; why it was declined, or nothing."""
    details = visit.details
    wish = Wish(
        kind=details["kind"],
        amount=Decimal(details["amount"]),
        invoice=details["invoice"],
        description=details["description"],
        ref_id=details["ref_id"],
        card=card,
        customer_id=details["customer_id"],
        window_s=details["window_s"],
        allow_partial=details["allow_partial"],
        flags="hosted",
    )
    row, events = charge(store, visit.merchant, wish)
    for event_type, payload in events:
        announce(store, visit.merchant["id"], event_type, payload)
    if row["response_code"] == "2":
        return REASONS[row["reason_code"]]
    if details["offer_to_save"] and form.get("save_card"):
        # If it is there already, or there is no room for it, the payment stands all the same.
        with suppress(ApiError):
            _save(store, visit, card, form)
    return ""


def _save(store: Store, visit: Visit, card: Card, _: Form) -> str:
    """Keep the card. Raises ApiError if it is there already, or there is no room for it."""
    customer_id = visit.details["customer_id"]
    known = store.one("SELECT 1 FROM customers WHERE id = ?", customer_id)
    if known is None:
        raise ApiError("E00040", "The customer profile does not exist any more.")
    card_id = save_card(store, customer_id, card)
    announce(store, visit.merchant["id"], *card_event("created", customer_id, card_id))
    return ""


def _read_card(store: Store, visit: Visit, form: Form) -> tuple[Card | None, dict[str, str]]:
    if visit.details.get("is_bank"):
        return bank_page.read(form, store.card_salt)
    problems: dict[str, str] = {}
    number = digits_of(form.get("card_number", ""))
    if number not in TEST_CARDS:
        problems["card_number"] = "Enter one of the test card numbers below."
    month, _, year = form.get("expiry", "").replace(" ", "").partition("/")
    if not (month.isdigit() and year.isdigit() and len(year) in (2, 4)):
        problems["expiry"] = "Enter month and year, such as 09/31."
    else:
        full_year = int(year) if len(year) == 4 else 2000 + int(year)
        problem = expiry_problem(full_year, int(month), store.now())
        problems |= {"expiry": problem} if problem else {}
    code = form.get("card_code", "").strip()
    problems |= _code_problem(code, number, required=visit.details["code_required"])
    if visit.details["address_required"]:
        wanted = ("first_name", "last_name", "address", "zip")
        problems |= {name: "Fill this in." for name in wanted if not form.get(name, "").strip()}
    if problems:
        return None, problems
    holder = {
        name: form.get(name, "").strip()[:_LONGEST_FIELD]
        for name in ("first_name", "last_name", "address", "zip")
    }
    expiry = f"{full_year:04d}-{int(month):02d}"
    return make_card(number, expiry, code, holder, store.card_salt), {}


def _code_problem(code: str, number: str, *, required: bool) -> dict[str, str]:
    if not code and not required:
        return {}
    if not code.isdigit() or len(code) != code_length(number):
        return {"card_code": f"Enter the {code_length(number)} digits."}
    return {}


def _form(
    visit: Visit, form: Form, problems: Mapping[str, str], *, alert: str = "", status: int = 200
) -> Response:
    details = visit.details
    is_payment = visit.kind == PAYMENT_PAGE
    action = "/payment/payment/submit" if is_payment else "/customer/addPayment/submit"
    name = details["merchant_name"] if is_payment else visit.merchant["name"]
    # A number that was typed is never sent back.
    values = {key: form.get(key, "") for key in _FIELDS}
    leave_url = details["cancel_url"] if is_payment else details["return_url"]
    leave_text = details["cancel_text"] if is_payment else details["return_text"]
    save = is_payment and details["offer_to_save"]
    is_bank = bool(details.get("is_bank"))
    what = "bank account" if is_bank else "card"
    title = f"Pay {name}" if is_payment else f"Add a {what} for {name}"
    body = tag(
        "form",
        tag("input", type="hidden", name="token", value=visit.token),
        tag("p", alert, class_="alert", role="alert") if alert else None,
        bank_page.fields(values, problems, _field) if is_bank else _card_fields(values, problems),
        tag(
            "div",
            _field("first_name", "First name", values, problems, "cc-given-name", "text"),
            _field("last_name", "Last name", values, problems, "cc-family-name", "text"),
            class_="pair",
        ),
        _field("address", "Address", values, problems, "billing street-address", "text"),
        _field("zip", "ZIP or postal code", values, problems, "billing postal-code", "text"),
        _save_box(checked=bool(form.get("save_card"))) if save else None,
        tag("button", details["button"] if is_payment else f"Save {what}", class_="primary"),
        method="post",
        action=action,
        novalidate=True,
    )
    amount: Part = None
    if is_payment:
        amount = tag("p", f"{details['amount']} {visit.merchant['currency']}", class_="amount")
    return page(
        title,
        tag(
            "div",
            tag("h1", title),
            tag("p", details.get("description") or f"Your {what} stays here.", class_="lead"),
            amount,
            body,
            tag("a", leave_text, href=leave_url, class_="back"),
            class_="sheet",
        ),
        bank_page.test_accounts() if is_bank else _test_cards(),
        status=status,
        form_target=_origin(details["return_url"]),
    )


def _card_fields(values: Form, problems: Mapping[str, str]) -> Markup:
    return join([
        _field("card_number", "Card number", values, problems, "cc-number", "numeric"),
        tag(
            "div",
            _field("expiry", "Expires (MM/YY)", values, problems, "cc-exp", "text"),
            _field("card_code", "Card code", values, problems, "cc-csc", "numeric"),
            class_="pair",
        ),
    ])  # fmt: skip


def _field(
    name: str, label: str, values: Form, problems: Mapping[str, str], complete: str, mode: str
) -> Markup:
    problem = problems.get(name)
    return tag(
        "div",
        tag("label", label, for_=name),
        tag(
            "input",
            type="text",
            id=name,
            name=name,
            value=values.get(name),
            autocomplete=complete,
            inputmode=mode,
            aria_invalid="true" if problem else None,
            aria_describedby=f"{name}-error" if problem else None,
        ),
        tag("p", problem, class_="error", id=f"{name}-error") if problem else None,
        class_="field",
    )


def _save_box(*, checked: bool) -> Markup:
    return tag(
        "div",
        tag(
            "input",
            type="checkbox",
            id="save_card",
            name="save_card",
            value="1",
            checked=checked,
        ),
        tag("label", " Keep this card for later payments", for_="save_card"),
        class_="field check",
    )


def _test_cards() -> Markup:
    numbers = join(
        tag("li", tag("code", number), f" {brand}") for number, brand in TEST_CARDS.items()
    )
    return tag(
        "details",
        tag("summary", "Test cards and what makes them fail"),
        tag("ul", numbers),
        tag(
            "p",
            "Any future date and any card code. ZIP 46282 is declined, 46225 approves 1.23 only,"
            " 46290 is held for review; card code 901 does not match.",
        ),
    )


def _expired() -> Response:
    return page(
        "This page has expired",
        tag("h1", "This page has expired"),
        tag("p", "Go back to where you came from and open it again."),
        status=410,
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
