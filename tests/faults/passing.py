"""Time that nobody sits through: what a row remembers goes back, as if all clocks had gone on.

A lease ends here only when whoever holds it is gone or stands still, and when the gateway has done
what it was sent or was sent nothing: then the seconds left of it prove nothing. A wait ends only
where nobody holds a lease.
"""

# the refill, or the refund, waits for its next look or its next try; nobody is at it
_CHARGE_WAITS = (
    "r.state in ('requested', 'unknown') and r.next_look_at > now() and not exists ("
    "  select from charge_attempts b where b.refill_id = r.id and b.lease_until > now())"
)
_REFUND_WAITS = (
    "state in ('requested', 'unknown') and next_look_at > now()"
    " and coalesce(lease_until, now()) <= now()"
)
_HELD = "r.method = 'saved_card' and a.lease_until > now()"
# the first wait passes as it is; a later one, of minutes and hours, is only cut short
_PASSED = "least({}next_look_at - now(), interval '5 seconds')"

LEASES_END = (
    f"update refills r set next_look_at = now() from charge_attempts a"
    f" where a.refill_id = r.id and r.state <> 'requested' and {_HELD}",
    f"update charge_attempts a set lease_until = now(),"
    f" last_sent_at = a.last_sent_at - (a.lease_until - now()),"
    f" looked_at = a.looked_at - (a.lease_until - now())"
    f" from refills r where r.id = a.refill_id and {_HELD}",
    "update refunds set next_look_at = now(), lease_until = now(),"
    " last_sent_at = last_sent_at - (lease_until - now()),"
    " looked_at = looked_at - (lease_until - now()) where lease_until > now()",
)
WAITS_END = (
    f"update charge_attempts a set last_sent_at = a.last_sent_at - {_PASSED.format('r.')},"
    f" looked_at = a.looked_at - {_PASSED.format('r.')}"
    f" from refills r where r.id = a.refill_id and {_CHARGE_WAITS}",
    f"update refills r set next_look_at = now() where {_CHARGE_WAITS}",
    # a page is looked at while it is open, and what is held while it is held
    "update refills set next_look_at = now() where next_look_at > now() + interval '5 seconds'",
    f"update refunds set last_sent_at = last_sent_at - {_PASSED.format('')},"
    f" looked_at = looked_at - {_PASSED.format('')}, next_look_at = now() where {_REFUND_WAITS}",
    "update refunds set next_look_at = now() where next_look_at > now() + interval '5 seconds'",
)
