"""The part of the hosted page on which a bank account is added instead of a card."""

from collections.abc import Callable, Mapping

from sandbox.authorizenet.cards import (
    ACCOUNT_TYPES,
    TEST_ACCOUNTS,
    TEST_BANKS,
    Card,
    digits_of,
    make_bank_account,
)
from sandbox.authorizenet.markup import Markup, join, tag

_TYPE_NAMES = {
    "checking": "Checking",
    "savings": "Savings",
    "businessChecking": "Business checking",
}
_LONGEST_FIELD = 60


def read(form: Mapping[str, str], salt: str) -> tuple[Card | None, dict[str, str]]:
    """The account that was typed, or what is wrong with it, by field."""
    problems: dict[str, str] = {}
    routing = digits_of(form.get("routing_number", ""))
    number = digits_of(form.get("account_number", ""))
    account_type = form.get("account_type", "")
    if routing not in TEST_BANKS:
        problems["routing_number"] = "Enter one of the test routing numbers below."
    if number not in TEST_ACCOUNTS:
        problems["account_number"] = "Enter one of the test account numbers below."
    if account_type not in ACCOUNT_TYPES:
        problems["account_type"] = "Choose a kind of account."
    problems |= {
        name: "Fill this in."
        for name in ("first_name", "last_name")
        if not form.get(name, "").strip()
    }
    if problems:
        return None, problems
    holder = {
        name: form.get(name, "").strip()[:_LONGEST_FIELD]
        for name in ("first_name", "last_name", "address", "zip")
    }
    return make_bank_account(routing, number, account_type, holder, salt), {}


def fields(
    values: Mapping[str, str], problems: Mapping[str, str], field: Callable[..., Markup]
) -> Markup:
    """What is asked of a bank account; the number that was typed is never sent back."""
    problem = problems.get("account_type")
    choice = tag(
        "select",
        join(
            tag("option", name, value=kind, selected=values.get("account_type") == kind)
            for kind, name in _TYPE_NAMES.items()
        ),
        id="account_type",
        name="account_type",
        aria_invalid="true" if problem else None,
    )
    return join(
        [
            tag(
                "div",
                tag("label", "Kind of account", for_="account_type"),
                choice,
                tag("p", problem, class_="error") if problem else None,
                class_="field",
            ),
            field("routing_number", "Routing number", values, problems, "off", "numeric"),
            field("account_number", "Account number", values, problems, "off", "numeric"),
        ]
    )


def test_accounts() -> Markup:
    """The numbers that this page takes, and what makes a debit fail."""
    banks = join(tag("li", tag("code", number), f" {bank}") for number, bank in TEST_BANKS.items())
    accounts = join(tag("li", tag("code", number)) for number in sorted(TEST_ACCOUNTS))
    return tag(
        "details",
        tag("summary", "Test bank accounts and what makes them fail"),
        tag("p", "Routing numbers:"),
        tag("ul", banks),
        tag("p", "Account numbers:"),
        tag("ul", accounts),
        tag(
            "p",
            "A debit is accepted at once and paid when the merchant’s batch is settled; after that"
            " it can be returned on the merchant’s page here. ZIP 46282 is declined at once.",
        ),
    )
