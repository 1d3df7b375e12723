"""How long to wait for what, when a gateway or a worker is silent (`payments.md` 2.2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.config import Settings

# A job with a longer delay than this is left to the sweep, which runs each minute.
SWEEP_EVERY = timedelta(minutes=1)


# A bank may take back a debit that its owner never agreed to for sixty days; some days more, for
# the gateway to tell of it.
_DEBIT_WATCH = timedelta(days=65)
_DEBIT_LOOK = timedelta(days=1)


def next_debit_look(paid_at: datetime, at: datetime) -> datetime | None:
    """When to look again at a debit that was paid: daily at first, then more and more seldom.

    None when it can no longer be taken back.
    """
    waited = at - paid_at
    return None if waited > _DEBIT_WATCH else at + max(_DEBIT_LOOK, waited / 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The waiting times of a charge; the defaults are the rule, tests shorten them.

    The gateway's read timeout must be shorter than `lease`; `lease + grace` longer than that
    timeout and the gateway's own worst case.
    """

    # Who is sending may not be overtaken for this long.
    lease: timedelta = timedelta(minutes=2)
    # After a lease that nobody gave back: time for the gateway to finish what it was sent.
    grace: timedelta = timedelta(minutes=10)
    # After each look that could not tell, the wait until the next; the last one repeats.
    looks: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=15),
        timedelta(seconds=45),
        timedelta(minutes=2),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
    )
    held_look: timedelta = timedelta(hours=1)
    # A client whose bank wants a confirmation has this long for it, then the charge is cancelled.
    confirmation: timedelta = timedelta(hours=24)
    # Two hours less than the gateway's duplicate window.
    resend_within: timedelta = timedelta(hours=6)
    # After each request that certainly did not leave, the wait until a new attempt.
    retries: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
    )
    # However many ask, the gateway is asked about one payment page no more often than this.
    ask_every: timedelta = timedelta(seconds=4)
    # Another charge of the same card is under way.
    card_wait: timedelta = timedelta(seconds=5)
    # The longest that a hosted payment page can be paid.
    page: timedelta = timedelta(minutes=15)

    def next_look(self, looks: int, at: datetime) -> datetime:
        """When to ask again after `looks` looks that could not tell."""
        return at + self.looks[min(looks, len(self.looks) - 1)]

    def orphaned_at(self, lease_until: datetime) -> datetime:
        """From when on nothing can come any more of whoever held the lease."""
        return lease_until + self.grace


DEFAULT_PATIENCE = Patience()


def patience_of(settings: Settings) -> Patience:
    """The waiting times that the operator has set."""
    return Patience(
        lease=timedelta(seconds=settings.charge_lease_s),
        grace=timedelta(seconds=settings.charge_grace_s),
    )
