"""What people see: the pages of Checkout, the bank's page, and the accounts' payments."""

import json
import re
from collections.abc import Mapping

from sandbox.authorizenet.markup import Markup, Part, Response, join, page, redirect, table, tag
from sandbox.stripe import charging, checkout
from sandbox.stripe.amounts import money
from sandbox.stripe.call import ApiError
from sandbox.stripe.cards import TEST_ACCOUNTS, TEST_BANK, TEST_CARDS, digits_of
from sandbox.stripe.store import Json, Store

Form = Mapping[str, str]
_NAME = "Stripe"
_EXPIRY = re.compile(r"\s*(\d{1,2})\s*/\s*(\d{2}|\d{4})\s*")


def home(store: Store) -> Response:
    """All accounts and what they took."""
    rows: list[list[Part]] = []
    for row in store.all(
        "SELECT objects.body, accounts.name FROM objects JOIN accounts ON accounts.id = account"
        " WHERE kind = 'payment_intent' ORDER BY seq DESC LIMIT 200"
    ):
        intent = _read(row["body"])
        rows.append(
            [
                row["name"], intent["id"], money(intent["amount"], intent["currency"]),
                intent["status"], intent["metadata"].get("attempt", ""),
            ]
        )  # fmt: skip
    heads = ["Account", "PaymentIntent", "Amount", "Status", "Attempt"]
    button = tag("button", "Let the banks decide about debits under way")
    parts = (
        tag("h1", "Payments"),
        tag("form", button, method="post", action="/debits"),
        table(heads, rows, "No payment yet."),
    )
    return page("Sandbox of Stripe", *parts, wide=True, of=_NAME)


def decide_debits(store: Store) -> Response:
    """A person lets the banks pay, or not, what is under way; as each account behaves."""
    with store.transaction():
        for row in store.all("SELECT id FROM accounts"):
            charging.settle_debits(store, row["id"])
    return redirect("/")


def missing() -> Response:
    """404."""
    return page("Not found", tag("h1", "There is no such page."), status=404, of=_NAME)


def show_checkout(store: Store, session_id: str, *, has_failed: bool) -> Response:
    """The form for a card."""
    found = checkout.find_open(store, session_id)
    if found is None:
        return _expired()
    if found[1]["status"] == "complete":
        return redirect(found[1]["success_url"])
    alert = "Your bank did not confirm it. Try again or use another card." if has_failed else ""
    return _form(store, *found, {}, {}, alert)


def submit_checkout(store: Store, own_url: str, session_id: str, form: Form) -> Response:
    """Try the card that was typed."""
    with store.transaction():
        found = checkout.find_open(store, session_id)
        if found is None:
            return _expired()
        typed, problems = _read_bank(form) if _is_bank(found[1]) else _read_card(form)
        if problems:
            return _form(store, *found, form, problems, "", status=422)
        try:
            return redirect(checkout.submit(store, own_url, session_id, typed))
        except ApiError as error:
            # the failed charge stays on record: nothing is rolled back
            return _form(store, *found, form, {}, str(error), status=422)


def show_bank(store: Store, intent_id: str) -> Response:
    """The bank asks the card's owner."""
    row = store.one("SELECT body FROM objects WHERE id = ?", intent_id)
    if row is None or _read(row["body"])["status"] != "requires_action":
        return _expired()
    buttons = join(
        tag("p", tag("button", label, name="decision", value=value, class_=style))
        for value, label, style in (
            ("approve", "Confirm the payment", "primary"),
            ("refuse", "Refuse", ""),
        )
    )
    action = f"/authenticate/{intent_id}"
    form = tag("form", buttons, method="post", action=action)
    words = tag("p", "Your bank wants to be sure that it is you.", class_="lead")
    sheet = tag("div", tag("h1", "Is it you?"), words, form, class_="sheet")
    return page("Is it you?", sheet, form_target="http: https:", of=_NAME)


def decide(store: Store, intent_id: str, form: Form) -> Response:
    """What the owner said; back to where it came from."""
    approve = form.get("decision") == "approve"
    row = store.one("SELECT account, body FROM objects WHERE id = ?", intent_id)
    if row is None:
        return missing()
    with store.transaction():
        try:
            if intent_id.startswith("seti_"):
                return redirect(
                    checkout.finish_setup(store, row["account"], intent_id, approve=approve)
                )
            action = _read(row["body"]).get("next_action") or {}
            charging.finish(store, row["account"], intent_id, approve=approve)
        except ValueError:
            return _expired()
    return redirect(action["redirect_to_url"]["return_url"])


def come_back(store: Store, session_id: str) -> Response:
    """From the bank's page to the page of Checkout, which closes itself."""
    with store.transaction():
        found = checkout.find_open(store, session_id)
        if found is None:
            return _expired()
        return redirect(checkout.complete(store, found[0], session_id))


def _expired() -> Response:
    words = tag("p", "Go back to where you came from and begin again.", class_="lead")
    return page("Expired", tag("h1", "This page has expired."), words, status=410, of=_NAME)


def _form(
    store: Store, account: str, session: Json, form: Form, problems: Mapping[str, str], alert: str,
    *, status: int = 200,
) -> Response:  # fmt: skip
    row = store.one("SELECT name FROM accounts WHERE id = ?", account)
    name = row["name"] if row else ""
    is_payment = session["mode"] == "payment"
    what = "bank account" if _is_bank(session) else "card"
    title = f"Pay {name}" if is_payment else f"Save a {what} for {name}"
    save: Part = None
    if session["_offers_to_save"]:
        box = tag("input", type="checkbox", name="save_card", value="1", id="save_card")
        save = tag(
            "p", box, tag("label", " Save this card for later", for_="save_card"), class_="check"
        )
    body = tag(
        "form",
        tag("p", alert, class_="alert", role="alert") if alert else None,
        _bank_fields(form, problems) if _is_bank(session) else _card_fields(form, problems),
        save,
        tag("button", "Pay" if is_payment else f"Save {what}", class_="primary"),
        method="post",
        action=f"/c/pay/{session['id']}",
        novalidate=True,
    )
    amount: Part = None
    if is_payment:
        amount = tag("p", money(session["amount_total"], session["currency"]), class_="amount")
    known = TEST_ACCOUNTS if _is_bank(session) else TEST_CARDS
    numbers = join(
        tag("li", tag("code", number), f" {one.behaviour.replace('_', ' ')}")
        for number, one in known.items()
    )
    sheet = tag(
        "div", tag("h1", title), tag("p", session["_label"], class_="lead"), amount, body,
        tag("a", "Back", href=session["cancel_url"] or session["success_url"], class_="back"),
        tag("details", tag("summary", f"Test {what}s"), tag("ul", numbers)), class_="sheet",
    )  # fmt: skip
    return page(title, sheet, status=status, form_target="http: https:", of=_NAME)


def _is_bank(session: Json) -> bool:
    return session.get("payment_method_types") == ["us_bank_account"]


def _card_fields(form: Form, problems: Mapping[str, str]) -> Part:
    return join([
        _field("card_number", "Card number", "", problems, "cc-number"),
        tag(
            "div",
            _field("expiry", "Expires (MM/YY)", form.get("expiry", ""), problems, "cc-exp"),
            _field("card_code", "Card code", "", problems, "cc-csc"),
            class_="pair",
        ),
    ])  # fmt: skip


def _bank_fields(form: Form, problems: Mapping[str, str]) -> Part:
    """The bank itself is asked for the account, which the sandbox plays with one field."""
    return join([
        _field("holder", "Name on the account", form.get("holder", ""), problems, "name"),
        tag("p", f"Sign in at {TEST_BANK} and choose an account:", class_="lead"),
        _field("account_number", "Account number", "", problems, "off"),
    ])  # fmt: skip


def _read_bank(form: Form) -> tuple[dict[str, object], dict[str, str]]:
    problems = {}
    number, holder = digits_of(form.get("account_number", "")), form.get("holder", "").strip()
    if number not in TEST_ACCOUNTS:
        problems["account_number"] = "Enter one of the test account numbers below."
    if not holder:
        problems["holder"] = "Fill this in."
    return {"account_number": number, "holder": holder[:60]}, problems


def _field(name: str, label: str, value: str, problems: Mapping[str, str], auto: str) -> Markup:
    problem = problems.get(name)
    return tag(
        "div",
        tag("label", label, for_=name),
        tag("input", type="text", id=name, name=name, value=value, autocomplete=auto,
            aria_invalid="true" if problem else None),
        tag("p", problem, class_="error") if problem else None,
        class_="field",
    )  # fmt: skip


def _read_card(form: Form) -> tuple[dict[str, object], dict[str, str]]:
    problems = {}
    if digits_of(form.get("card_number", "")) not in TEST_CARDS:
        problems["card_number"] = "Enter one of the test card numbers below."
    match = _EXPIRY.fullmatch(form.get("expiry", ""))
    month = int(match[1]) if match else 0
    if match is None or not 1 <= month <= 12:
        problems["expiry"] = "Enter month and year, such as 09/31."
        return {}, problems
    year = int(match[2]) % 100 + 2000
    code = form.get("card_code", "").strip()
    if not code.isdigit() or len(code) not in (3, 4):
        problems["card_code"] = "Enter the 3 or 4 digits."
    return {
        "number": form.get("card_number", ""), "month": month, "year": year,
        "save_card": form.get("save_card", ""),
    }, problems  # fmt: skip


def _read(body: str) -> Json:

    found: Json = json.loads(body)
    return found
