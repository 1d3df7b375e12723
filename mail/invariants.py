"""Rules of the mail queue that must hold (reliability: 9 each mail once, 13 nothing waits long)."""

from core.invariants import Rule

_INVOICE_WITHOUT_MAIL = """
    select i.reseller_id, 'invoice ' || i.number as object
      from invoices i
     where i.sent_at is not null
       and not exists (
           select from mail_messages m
            where m.reseller_id = i.reseller_id and m.dedupe_key = 'invoice:' || i.id
       )
"""
_SENT_WITHOUT_TRY = """
    select reseller_id, 'mail ' || id as object
      from mail_messages
     where state = 'sent' and (sent_at is null or attempts < 1)
"""
_SENT_TOO_OFTEN = """
    select reseller_id, 'mail ' || id || ' after ' || attempts || ' tries' as object
      from mail_messages
     where possibly_sent_twice and state = 'sending' and data_begun_at is not null
       and lease_until < now() - interval '1 hour'
"""
_WAITING = """
    select reseller_id, 'mail ' || id || ' since '
           || to_char(coalesce(lease_until, next_attempt_at), 'YYYY-MM-DD HH24:MI') as object
      from mail_messages
     where (state = 'queued' and next_attempt_at < now() - interval '15 minutes')
        or (state = 'sending' and lease_until < now() - interval '15 minutes')
"""

RULES = (
    Rule("invoice_without_mail", 9, _INVOICE_WITHOUT_MAIL),
    Rule("mail_sent_without_try", 9, _SENT_WITHOUT_TRY),
    Rule("mail_left_after_its_body", 9, _SENT_TOO_OFTEN),
    Rule("mail_waits", 13, _WAITING),
)
