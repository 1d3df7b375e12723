"""The pages for people who want to see, or to play the bank: merchants, transactions, cards."""

from sqlite3 import Row

from sandbox.authorizenet import operations
from sandbox.authorizenet.document import time_text
from sandbox.authorizenet.markup import Markup, Part, Response, page, redirect, table, tag
from sandbox.authorizenet.results import REASONS, Refusal
from sandbox.authorizenet.store import Store

_SHOWN = 200
_COLOURS = {
    "capturedPendingSettlement": "good",
    "settledSuccessfully": "good",
    "FDSAuthorizedPendingReview": "warn",
    "authorizedPendingRelease": "warn",
    "authorizedPendingCapture": "warn",
    "declined": "bad",
    "chargeback": "bad",
}


def home(store: Store) -> Response:
    """All merchants."""
    merchants = store.all(
        "SELECT merchants.*, (SELECT count(*) FROM transactions WHERE merchant_id = merchants.id)"
        " AS payments FROM merchants ORDER BY name"
    )
    rows: list[list[Part]] = [
        [
            tag("a", merchant["name"], href=f"/merchants/{merchant['id']}"),
            tag("code", merchant["login"]),
            merchant["currency"],
            str(merchant["payments"]),
        ]
        for merchant in merchants
    ]
    return page(
        "Authorize.net sandbox",
        tag("h1", "Merchants"),
        tag("p", "Every account that the portal has at this gateway.", class_="lead"),
        table(
            ["Merchant", "API login", "Currency", "Transactions"],
            rows,
            "No merchant yet. The demo or a test makes them through the control API.",
        ),
        wide=True,
    )


def merchant_page(store: Store, merchant_id: int) -> Response:
    """One merchant: transactions, cards, webhooks."""
    merchant = store.one("SELECT * FROM merchants WHERE id = ?", merchant_id)
    if merchant is None:
        return missing()
    transactions = store.all(
        "SELECT * FROM transactions WHERE merchant_id = ? ORDER BY id DESC LIMIT ?",
        merchant_id, _SHOWN,
    )  # fmt: skip
    cards = store.all(
        "SELECT cards.*, customers.merchant_customer_id FROM cards JOIN customers"
        " ON customers.id = cards.customer_id WHERE merchant_id = ? ORDER BY cards.id DESC LIMIT ?",
        merchant_id, _SHOWN,
    )  # fmt: skip
    deliveries = store.all(
        "SELECT * FROM deliveries WHERE merchant_id = ? ORDER BY id DESC LIMIT 50", merchant_id
    )
    settle = _button(f"/merchants/{merchant_id}/settle", "Settle everything now")
    return page(
        f"{merchant['name']} · Authorize.net sandbox",
        tag("a", "All merchants", href="/"),
        tag("div", tag("h1", merchant["name"]), settle, class_="bar"),
        tag("h2", "Transactions"),
        table(
            ["Id", "Invoice", "When (UTC)", "Card", "Asked", "Taken", "Status", "Result", ""],
            [_transaction(merchant_id, row) for row in transactions],
            "Nothing was charged yet.",
        ),
        tag("h2", "Saved cards"),
        table(
            ["Id", "Customer", "Card", "Expires", "Name", "ZIP"],
            [
                [
                    str(card["id"]),
                    card["merchant_customer_id"],
                    f"{card['brand']} {card['last_four']}",
                    card["expiry"],
                    f"{card['first_name']} {card['last_name']}",
                    card["zip"],
                ]
                for card in cards
            ],
            "No card is saved.",
        ),
        tag("h2", "Webhooks sent"),
        table(
            ["Event", "When (UTC)", "State", "Tries", "Last answer"],
            [
                [
                    row["event_type"].removeprefix("net.authorize."),
                    _when(row["due_at"]),
                    row["state"],
                    str(row["attempts"]),
                    row["last_status"],
                ]
                for row in deliveries
            ],
            "None yet.",
        ),
        wide=True,
    )


def act(store: Store, merchant_id: int, action: str, transaction_id: int | None) -> Response:
    """What a person's button does."""
    if action == "settle":
        operations.settle(store, merchant_id)
    elif transaction_id is not None:
        row = store.one(
            "SELECT * FROM transactions WHERE id = ? AND merchant_id = ?",
            transaction_id, merchant_id,
        )  # fmt: skip
        if row is None:
            return missing()
        try:
            operations.OPERATIONS[action](store, row)
        except (Refusal, KeyError):
            return page(
                "Not possible",
                tag("h1", "That is not possible any more"),
                tag("a", "Back", href=f"/merchants/{merchant_id}"),
                status=409,
            )
    return redirect(f"/merchants/{merchant_id}")


def missing() -> Response:
    """Nothing is here."""
    return page("Not found", tag("h1", "Nothing is here"), tag("a", "Start", href="/"), status=404)


def _transaction(merchant_id: int, row: Row) -> list[Part]:
    base = f"/merchants/{merchant_id}/transactions/{row['id']}"
    buttons: list[Markup] = []
    if row["status"] == "FDSAuthorizedPendingReview":
        buttons = [_button(f"{base}/approve", "Approve"), _button(f"{base}/decline", "Decline")]
    elif row["status"] == "settledSuccessfully":
        buttons = [_button(f"{base}/chargeback", "Charge back")]
        if row["account_type"]:
            buttons = [_button(f"{base}/return", "Return: not covered")]
    if row["return_code"]:
        buttons = []
    return [
        str(row["id"]),
        row["invoice"],
        _when(row["submitted_at"]),
        f"{row['brand']} {row['last_four']}",
        tag("span", f"{row['requested']} {row['currency']}", class_="money"),
        tag("span", f"{row['settle']} {row['currency']}", class_="money"),
        tag("span", row["status"], class_=_COLOURS.get(row["status"])),
        tag("span", REASONS[row["reason_code"]].split(".")[0], class_="wrap"),
        tag("div", *buttons, class_="actions") if buttons else None,
    ]


def _button(action: str, label: str) -> Markup:
    return tag("form", tag("button", label), method="post", action=action)


def _when(moment: float) -> str:
    return time_text(moment)[:19].replace("T", " ")
