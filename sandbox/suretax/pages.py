"""What people see: what was filed, and a switch that makes the service fall silent."""

from sandbox.authorizenet.markup import Part, Response, page, redirect, table, tag
from sandbox.suretax.store import Store

_NAME = "SureTax: its rates are invented"


def home(store: Store) -> Response:
    """The last filings, newest first."""
    rows: list[list[Part]] = [
        [
            str(row["trans_id"]), row["client"], row["invoices"], row["revenue"], row["tax"],
            "cancelled" if row["cancelled"] else "filed", row["made_at"][:19],
        ]
        for row in store.all("SELECT * FROM filings ORDER BY trans_id DESC LIMIT 200")
    ]  # fmt: skip
    heads = ["TransId", "Client", "Invoice", "Revenue", "Tax", "State", "At (UTC)"]
    state = "It does not answer." if store.is_down else "It answers."
    button = "Answer again" if store.is_down else "Stop answering"
    switch = tag("form", tag("button", button, type="submit"), method="post", action="/switch")
    parts = (tag("h1", "Filed transactions"), tag("p", state), switch)
    return page(
        "Sandbox of SureTax", *parts, table(heads, rows, "Nothing filed yet."), wide=True, of=_NAME
    )


def switch(store: Store) -> Response:
    """Stop answering, or begin again."""
    store.is_down = not store.is_down
    return redirect("/")


def missing() -> Response:
    """404."""
    return page("Not found", tag("h1", "There is no such page."), status=404, of=_NAME)
