"""What a gateway has under our key beyond what is booked: told to the staff, never booked.

A refill credits exactly one transaction. Whether another one, or money that went back, is to be
booked only people know: often it is they who are putting it right at the gateway.
"""

from core.db import Session
from payments import notices
from payments.gateways.answers import GatewayTransaction, TransactionStatus, weight_of
from payments.models import ChargeAttempt, Refill
from tenants.events import EventText

# The money came in and went back: staff correct the ledger, nothing is charged again.
WENT_BACK = frozenset(
    {
        TransactionStatus.VOIDED,
        TransactionStatus.REFUNDED,
        TransactionStatus.CHARGEBACK,
        TransactionStatus.SETTLEMENT_ERROR,
    }
)


def tell_of_second_payment(
    session: Session, refill: Refill, attempt: ChargeAttempt, charge: GatewayTransaction
) -> None:
    """The client paid twice, or what it paid twice was put right since."""
    if charge.status is TransactionStatus.VOIDED:
        notices.tell_staff(
            session,
            refill,
            level="info",
            code="payment_second_voided",
            text=EventText(
                "The second transaction %(second)s of this payment was voided at the gateway. It"
                " was not booked: nothing is left to do.",
                second=charge.gateway_ref,
            ),
            dedupe=f"{attempt.key}:{charge.gateway_ref}",
        )
        return
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_second",
        text=EventText(
            "The client paid twice: besides %(payment)s, which is booked, the gateway has a second"
            " transaction %(second)s of %(amount)s under this key (%(status)s). Void or refund"
            " %(second)s at the gateway.",
            payment=attempt.gateway_ref or "",
            second=charge.gateway_ref,
            amount=(charge.amount, refill.currency),
            status=_words(charge),
        ),
        dedupe=f"{attempt.key}:{charge.gateway_ref}",
    )


def tell_of_return(
    session: Session, refill: Refill, attempt: ChargeAttempt, charge: GatewayTransaction
) -> None:
    """The booked transaction itself was voided, charged back, or did not settle."""
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_went_back",
        text=EventText(
            "The gateway says that the payment %(payment)s was %(status)s, and not by us. Book it"
            " where the gateway's list is compared, or reverse the transaction of this refill.",
            payment=charge.gateway_ref,
            status=_words(charge),
        ),
        dedupe=f"{attempt.key}:{charge.status.value}",
    )


def tell_of_refund(
    session: Session, refill: Refill, attempt: ChargeAttempt, refund: GatewayTransaction
) -> None:
    """Somebody gave money back at the gateway itself."""
    if not weight_of(refund):
        return
    amount = (refund.amount, refill.currency)
    if refund.original_ref and refund.original_ref != attempt.gateway_ref:
        notices.tell_staff(
            session,
            refill,
            level="info",
            code="payment_second_refunded",
            text=EventText(
                "%(amount)s of the transaction %(second)s were given back at the gateway. It was"
                " not booked: nothing is left to do.",
                amount=amount,
                second=refund.original_ref,
            ),
            dedupe=f"{attempt.key}:{refund.gateway_ref}",
        )
        return
    notices.tell_staff(
        session,
        refill,
        level="error",
        code="payment_refunded",
        text=EventText(
            "%(amount)s of the payment %(payment)s were given back at the gateway itself (refund"
            " %(refund)s). Book it where the gateway's list is compared with ours.",
            amount=amount,
            payment=attempt.gateway_ref or refund.original_ref,
            refund=refund.gateway_ref,
        ),
        dedupe=f"{attempt.key}:{refund.gateway_ref}",
    )


def _words(transaction: GatewayTransaction) -> str:
    return transaction.status.value.replace("_", " ")
