"""Making the vouchers of a series: some at a time, each piece a transaction of its own.

A worker that is killed loses at most the piece under way: it is made anew by the next one, with
other PINs, and the numbers go on where they stood.
"""

from collections.abc import Callable

from sqlalchemy import insert, select

from billing import voucher_pins, vouchers
from billing.voucher_models import Voucher, VoucherSeries, VoucherSheet
from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.ids import new_id
from tenants import tasks
from tenants.task_models import Task
from tenants.tasks import GaveUpError

PIECE = 1_000
Beat = Callable[[int | None], None]


def do_piece(session: Session, task: Task, _beat: Beat) -> bool:
    """Make the next vouchers of the task's series; False when all are there."""
    try:
        series = vouchers.get_series(session, int(task.params["series"]), for_update=True)
    except NotFoundError as error:
        raise GaveUpError("The series is no longer there.") from error
    count = min(PIECE, series.quantity - series.made)
    if count:
        _make(session, series, count)
        tasks.record_piece(session, task, done=count, made=count)
    if series.made < series.quantity:
        return True
    tasks.close_task(session, task, "done")
    return False


def _make(session: Session, series: VoucherSeries, count: int) -> None:
    pins = _new_pins(session, series, count)
    first, at = series.made + 1, now()
    session.execute(
        insert(Voucher),
        [
            {
                "id": new_id(),
                "reseller_id": series.reseller_id,
                "series_id": series.id,
                "number": number,
                "pin_hash": pin_hash,
                "state": "active" if series.born_active else "new",
                "expires_at": series.expires_at,
                "changed_at": at,
                "changed_by": series.created_by,
            }
            for number, pin_hash in enumerate(pins, first)
        ],
    )
    sheet = first // PIECE + 1
    session.add(
        VoucherSheet(
            reseller_id=series.reseller_id,
            series_id=series.id,
            n=sheet,
            sealed=voucher_pins.seal_sheet(
                vouchers.sheet_place(series, sheet), list(pins.values())
            ),
        )
    )
    series.made += count
    series.pins_until = at + vouchers.PINS_KEPT
    session.flush()


def _new_pins(session: Session, series: VoucherSeries, count: int) -> dict[str, str]:
    """PINs by their hashes, that no voucher of the reseller has; the database holds it too."""
    found: dict[str, str] = {}
    while len(found) < count:
        made = [voucher_pins.new_pin(series.pin_length) for _ in range(count - len(found))]
        hashes = {
            voucher_pins.hash_pin(series.reseller_id, pin, key_id=series.key_id): pin
            for pin in made
        }
        known = session.scalars(
            select(Voucher.pin_hash).where(
                Voucher.reseller_id == series.reseller_id, Voucher.pin_hash.in_(list(hashes))
            )
        ).all()
        found |= {key: pin for key, pin in hashes.items() if key not in set(known)}
    return found
