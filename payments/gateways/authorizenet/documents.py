"""The XML that is sent to Authorize.net, built and checked by the SDK's types.

The types hold element order and field lengths. Their `toxml` shortcut in the SDK's controllers
deletes the text `ns1:` from user data, so the document is made with a default namespace instead.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyxb
from authorizenet import apicontractsv1 as anet
from pyxb.utils.domutils import BindingDOMSupport

from payments.gateways.base import (
    ChargeRequest,
    GatewayCredentials,
    HostedPaymentRequest,
    Initiator,
    MethodKind,
    RefundRequest,
)

# "Multiple accepting paths" is noise of these bindings, and its records quote content.
logging.getLogger("pyxb.binding.content").setLevel(logging.ERROR)

# The longest that the gateway offers; the value itself is one of the fields it compares.
DUPLICATE_WINDOW_S = 28_800
PAGE_SIZE = 1000

_DESCRIPTION_MAX_LENGTH = 255

InvalidRequestError = pyxb.PyXBException

# The SDK has no types of its own.
Binding = Any


@dataclass(frozen=True)
class MaskedBank:
    """A bank account as the gateway shows it: of its numbers the last four."""

    account_type: str
    routing_number: str
    account_number: str
    holder: str


class RequestBuilder:
    """Builds complete request documents for one account.

    Every method raises InvalidRequestError when a value does not fit the gateway's schema.
    """

    def __init__(self, credentials: GatewayCredentials) -> None:
        self._credentials = credentials

    def charge(self, request: ChargeRequest) -> bytes:
        """An authCapture of a saved card or bank account.

        What kind of debit (WEB, CCD) a bank account is for was kept with it on the gateway's page.
        """
        is_bank = request.method is MethodKind.BANK_ACCOUNT
        transaction = _transaction("authCaptureTransaction", request.amount, request.currency)
        transaction.profile = anet.customerProfilePaymentType(
            customerProfileId=request.customer_profile_ref,
            paymentProfile=anet.paymentProfile(paymentProfileId=request.payment_profile_ref),
        )
        transaction.order = _order(request.key, request.description)
        if request.client_ip:
            transaction.customerIP = request.client_ip
        transaction.transactionSettings = _settings(
            {
                "allowPartialAuth": "true" if request.allow_partial and not is_bank else "false",
                "duplicateWindow": str(DUPLICATE_WINDOW_S),
            }
        )
        if not is_bank:
            _add_stored_card_flags(transaction, request)
        return self._create_transaction(transaction, request.key)

    def release(self, split_ref: str) -> bytes:
        """Take the approved part of a group of partial approvals, instead of a further card."""
        transaction = anet.transactionRequestType(transactionType="priorAuthCaptureTransaction")
        transaction.splitTenderId = split_ref
        return self._create_transaction(transaction)

    def decide_held(self, gateway_ref: str, *, approve: bool) -> bytes:
        """Approve or decline what the fraud filters hold."""
        held = anet.heldTransactionRequestType(
            action="approve" if approve else "decline", refTransId=gateway_ref
        )
        return self._document(anet.updateHeldTransactionRequest(), heldTransactionRequest=held)

    def void(self, gateway_ref: str) -> bytes:
        """Cancel what is not settled."""
        transaction = anet.transactionRequestType(transactionType="voidTransaction")
        transaction.refTransId = gateway_ref
        return self._create_transaction(transaction)

    def refund(self, request: RefundRequest, bank: MaskedBank | None = None) -> bytes:
        """Give back money of a settled transaction, to the card or bank that it came from."""
        transaction = _transaction("refundTransaction", request.amount, request.currency)
        transaction.payment = _payment_of(request, bank)
        transaction.refTransId = request.gateway_ref
        transaction.order = _order(request.key, request.description)
        transaction.transactionSettings = _settings({"duplicateWindow": str(DUPLICATE_WINDOW_S)})
        return self._create_transaction(transaction, request.key)

    def create_customer(self, merchant_customer_id: str) -> bytes:
        """A customer profile without cards.

        Nothing but our id: the gateway recognises a duplicate only when e-mail and description are
        equal too, and an e-mail changes.
        """
        profile = anet.customerProfileType(merchantCustomerId=merchant_customer_id)
        return self._document(anet.createCustomerProfileRequest(), profile=profile)

    def get_customer(self, customer_ref: str) -> bytes:
        """A profile with its cards and bank accounts, expiry dates readable."""
        return self._document(
            anet.getCustomerProfileRequest(),
            customerProfileId=customer_ref,
            unmaskExpirationDate=True,
        )

    def delete_method(self, customer_ref: str, payment_profile_ref: str) -> bytes:
        """Forget one card of a profile."""
        return self._document(
            anet.deleteCustomerPaymentProfileRequest(),
            customerProfileId=customer_ref,
            customerPaymentProfileId=payment_profile_ref,
        )

    def delete_customer(self, customer_ref: str) -> bytes:
        """Forget a profile and all its cards."""
        return self._document(anet.deleteCustomerProfileRequest(), customerProfileId=customer_ref)

    def hosted_card_page(
        self, customer_ref: str, return_url: str, kind: MethodKind = MethodKind.CARD
    ) -> bytes:
        """A token for the page on which a client adds a card, or a bank account, and not both."""
        is_bank = kind is MethodKind.BANK_ACCOUNT
        settings = {
            "hostedProfileReturnUrl": return_url,
            "hostedProfileReturnUrlText": "Back",
            "hostedProfilePageBorderVisible": "false",
            "hostedProfilePaymentOptions": "showBankAccount" if is_bank else "showCreditCard",
            "hostedProfileCardCodeRequired": "true",
            "hostedProfileBillingAddressRequired": "true",
            # Checks the form only: the first charge tells whether the card works.
            "hostedProfileValidationMode": "testMode",
        }
        return self._document(
            anet.getHostedProfilePageRequest(),
            customerProfileId=customer_ref,
            hostedProfileSettings=_settings(settings),
        )

    def hosted_payment_page(self, request: HostedPaymentRequest) -> bytes:
        """A token for the page on which a client pays once."""
        transaction = _transaction("authCaptureTransaction", request.amount, request.currency)
        if request.customer_profile_ref:
            transaction.profile = anet.customerProfilePaymentType(
                customerProfileId=request.customer_profile_ref
            )
        transaction.order = _order(request.key, request.description)
        # No partial approvals here: the gateway's page would ask for a second card.
        transaction.transactionSettings = _settings(
            {"allowPartialAuth": "false", "duplicateWindow": str(DUPLICATE_WINDOW_S)}
        )
        return self._document(
            anet.getHostedPaymentPageRequest(),
            ref_id=request.key,
            transactionRequest=transaction,
            hostedPaymentSettings=_settings(_payment_page_settings(request)),
        )

    def transaction_details(self, gateway_ref: str) -> bytes:
        """All that the gateway knows of one transaction."""
        return self._document(anet.getTransactionDetailsRequest(), transId=gateway_ref)

    def unsettled_list(self, page: int) -> bytes:
        """Transactions of no batch yet, newest first."""
        return self._document(
            anet.getUnsettledTransactionListRequest(), sorting=_newest_first(), paging=_paging(page)
        )

    def customer_list(self, customer_ref: str, page: int) -> bytes:
        """All transactions of one customer profile, newest first."""
        return self._document(
            anet.getTransactionListForCustomerRequest(),
            customerProfileId=customer_ref,
            sorting=_newest_first(),
            paging=_paging(page),
        )

    def batch_list(self, first: datetime, last: datetime) -> bytes:
        """Batches settled between two aware UTC times, 31 days at most."""
        return self._document(
            anet.getSettledBatchListRequest(),
            includeStatistics=False,
            firstSettlementDate=_utc_text(first),
            lastSettlementDate=_utc_text(last),
        )

    def batch_transactions(self, batch_id: str, page: int) -> bytes:
        """The transactions of one settled batch."""
        return self._document(
            anet.getTransactionListRequest(),
            batchId=batch_id,
            sorting=_newest_first(),
            paging=_paging(page),
        )

    def merchant_details(self) -> bytes:
        """Who the account belongs to."""
        return self._document(anet.getMerchantDetailsRequest())

    def _create_transaction(self, transaction: Binding, ref_id: str = "") -> bytes:
        return self._document(
            anet.createTransactionRequest(), ref_id=ref_id, transactionRequest=transaction
        )

    def _document(self, request: Binding, *, ref_id: str = "", **fields: Binding) -> bytes:
        request.merchantAuthentication = anet.merchantAuthenticationType(
            name=self._credentials.login, transactionKey=self._credentials.secret
        )
        if ref_id:
            request.refId = ref_id
        for name, value in fields.items():
            setattr(request, name, value)
        support = BindingDOMSupport(default_namespace=anet.Namespace)
        document: bytes = request.toDOM(support).toxml("utf-8")
        return document


def _transaction(kind: str, amount: Decimal, currency: str) -> Binding:
    transaction = anet.transactionRequestType(transactionType=kind)
    transaction.amount = amount
    transaction.currencyCode = currency
    return transaction


def _payment_of(request: RefundRequest, bank: MaskedBank | None) -> Binding:
    if bank is None:
        card = anet.creditCardType(cardNumber=request.last_four, expirationDate="XXXX")
        return anet.paymentType(creditCard=card)
    account = anet.bankAccountType(
        routingNumber=bank.routing_number,
        accountNumber=bank.account_number,
        nameOnAccount=bank.holder,
    )
    if bank.account_type:
        account.accountType = bank.account_type
    return anet.paymentType(bankAccount=account)


def _order(key: str, description: str) -> Binding:
    order = anet.orderType(invoiceNumber=key)
    if description:
        order.description = description[:_DESCRIPTION_MAX_LENGTH]
    return order


def _settings(values: Mapping[str, str]) -> Binding:
    settings = anet.ArrayOfSetting()
    for name, value in values.items():
        # Not `settings.append`: that files it among the wildcards, and it is not sent.
        settings.setting.append(anet.settingType(settingName=name, settingValue=value))
    return settings


def _add_stored_card_flags(transaction: Binding, request: ChargeRequest) -> None:
    """Card-on-file marks, from developer.authorize.net "card on file"."""
    if request.initiator is Initiator.MERCHANT:
        transaction.processingOptions = anet.processingOptions(isSubsequentAuth=True)
    elif request.first_use:
        transaction.processingOptions = anet.processingOptions(isFirstSubsequentAuth=True)
    else:
        transaction.processingOptions = anet.processingOptions(isStoredCredentials=True)
    if request.initiator is Initiator.MERCHANT and request.original_network_transaction_id:
        origin = anet.subsequentAuthInformation(
            originalNetworkTransId=request.original_network_transaction_id
        )
        if request.original_amount is not None:
            origin.originalAuthAmount = request.original_amount
        transaction.subsequentAuthInformation = origin


def _payment_page_settings(request: HostedPaymentRequest) -> dict[str, str]:
    options: dict[str, dict[str, object]] = {
        "hostedPaymentReturnOptions": {
            "showReceipt": False,
            "url": request.return_url,
            "urlText": "Continue",
            "cancelUrl": request.cancel_url,
            "cancelUrlText": "Cancel",
        },
        "hostedPaymentButtonOptions": {"text": "Pay"},
        "hostedPaymentOrderOptions": {"show": True, "merchantName": request.merchant_name},
        "hostedPaymentPaymentOptions": {
            "cardCodeRequired": True,
            "showCreditCard": True,
            "showBankAccount": False,
        },
        "hostedPaymentBillingAddressOptions": {"show": True, "required": True},
        "hostedPaymentCustomerOptions": {
            "showEmail": False,
            "requiredEmail": False,
            "addPaymentProfile": request.offer_to_save,
        },
    }
    return {name: json.dumps(value) for name, value in options.items()}


def _newest_first() -> Binding:
    return anet.TransactionListSorting(orderBy="submitTimeUTC", orderDescending=True)


def _paging(page: int) -> Binding:
    # The gateway's `offset` counts pages, from 1.
    return anet.Paging(limit=PAGE_SIZE, offset=page)


def _utc_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
