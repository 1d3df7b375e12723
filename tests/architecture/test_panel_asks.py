"""The panel's role writes wishes: what only staff and workers decide, the database refuses."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

_OPEN_REFILL = {"state": "'requested'", "source": "'panel'"}
_OPEN_ATTEMPT = {"state": "'sending'", "request": "'{}'"}
_STEP = {"kind": "'on'", "currency": "'USD'"}


def _refusal(settings, table: str, values: dict[str, str]) -> str:
    """What PostgreSQL says to the panel of client 7 of reseller 1 that inserts this."""
    row = {"reseller_id": "1", "client_id": "7", **values}
    engine = create_engine(settings.database_url_panel)
    try:
        with engine.connect() as connection:
            connection.execute(
                text(
                    "select set_config('app.reseller_ids', '1', true),"
                    " set_config('app.client_id', '7', true)"
                )
            )
            columns, cells = ", ".join(row), ", ".join(row.values())
            with pytest.raises(DBAPIError) as refused:
                connection.execute(text(f"insert into {table} ({columns}) values ({cells})"))
            return str(refused.value.orig)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("refills", {**_OPEN_REFILL, "state": "'succeeded'"}),
        ("refills", {**_OPEN_REFILL, "credited": "10"}),
        ("refills", {**_OPEN_REFILL, "source": "'staff'"}),
        ("charge_attempts", {**_OPEN_ATTEMPT, "decision": "'approve'"}),
        ("charge_attempts", {**_OPEN_ATTEMPT, "state": "'succeeded'"}),
        ("charge_attempts", {**_OPEN_ATTEMPT, "approved": "10"}),
        ("auto_payment_steps", {**_STEP, "kind": "'received'"}),
        ("voucher_redemptions", {"source": "'staff'"}),
        ("refills", {**_OPEN_REFILL, "client_id": "8"}),
    ],
)
def test_an_answer_is_not_the_panels_to_write(settings, table, values):
    assert "row-level security" in _refusal(settings, table, values)


@pytest.mark.parametrize("column", ["state", "voucher_id", "amount", "serial", "retry_at"])
def test_what_came_of_a_pin_is_no_column_of_the_panel(settings, column):
    refusal = _refusal(settings, "voucher_redemptions", {"source": "'panel'", column: "null"})
    assert "permission denied" in refusal


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("refills", _OPEN_REFILL),
        ("charge_attempts", _OPEN_ATTEMPT),
        ("voucher_redemptions", {"source": "'panel'"}),
    ],
)
def test_a_wish_may_be_written(settings, table, values):
    """What stops these rows is that they are not whole: the wall lets them through."""
    assert "null value in column" in _refusal(settings, table, values)
