"""The sandbox's XML API, spoken to without our adapter: what the real one is documented to do."""

from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

import pytest
import requests

_NAMESPACE = "AnetApi/xml/v1/schema/AnetApiSchema.xsd"
_BOM = b"\xef\xbb\xbf"


class Api:
    """Sends hand-written requests."""

    def __init__(self, merchant):
        self._merchant = merchant

    def raw(self, body):
        with requests.Session() as session:
            session.trust_env = False
            return session.post(self._merchant.sandbox.api_url, data=body, timeout=20)

    def call(self, name, inner="", *, key=None):
        key = self._merchant.transaction_key if key is None else key
        body = (
            f'<{name}Request xmlns="{_NAMESPACE}"><merchantAuthentication>'
            f"<name>{self._merchant.login}</name><transactionKey>{key}</transactionKey>"
            f"</merchantAuthentication>{inner}</{name}Request>"
        )
        response = self.raw(body.encode())
        assert response.content.startswith(_BOM)
        root = fromstring(response.content.removeprefix(_BOM))
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def new_customer(self, merchant_customer_id="client-1", email=""):
        return self.call(
            "createCustomerProfile",
            f"<profile><merchantCustomerId>{merchant_customer_id}</merchantCustomerId>"
            f"<email>{email}</email></profile>",
        )

    def pay(self, kind="authCaptureTransaction", amount="10.00", *, window=None, **card):
        """Charge a card number; `window` is the duplicate window."""
        number = card.get("number", "4111111111111111")
        setting = (
            "<transactionSettings><setting><settingName>duplicateWindow</settingName>"
            f"<settingValue>{window}</settingValue></setting></transactionSettings>"
            if window is not None
            else ""
        )
        return self.call(
            "createTransaction",
            f"<refId>R1</refId><transactionRequest><transactionType>{kind}</transactionType>"
            f"<amount>{amount}</amount><payment><creditCard><cardNumber>{number}</cardNumber>"
            "<expirationDate>2031-09</expirationDate>"
            f"<cardCode>{card.get('code', '123')}</cardCode></creditCard></payment>"
            f"<order><invoiceNumber>{card.get('invoice', 'I1')}</invoiceNumber>"
            f"<description>{escape(card.get('description', ''))}</description></order>"
            f"<billTo><zip>{card.get('zip', '10001')}</zip></billTo>"
            f"{setting}</transactionRequest>",
        )

    def follow_up(self, kind, ref, inner=""):
        return self.call(
            "createTransaction",
            f"<transactionRequest><transactionType>{kind}</transactionType>{inner}"
            f"<refTransId>{ref}</refTransId></transactionRequest>",
        )

    def details(self, ref):
        return self.call("getTransactionDetails", f"<transId>{ref}</transId>").find("transaction")


@pytest.fixture
def api(acme):
    return Api(acme)


def code(answer):
    return answer.findtext("messages/message/code")


def result(answer):
    """Response code, reason code and transaction of an answer."""
    response = answer.find("transactionResponse")
    reason = response.findtext("errors/error/errorCode") or response.findtext(
        "messages/message/code"
    )
    return response.findtext("responseCode"), reason, response.findtext("transId")


class TestEnvelope:
    def test_wrong_keys_are_e00007(self, api):
        assert code(api.call("authenticateTest", key="wrong")) == "E00007"
        assert code(api.call("authenticateTest")) == "I00001"

    @pytest.mark.parametrize(
        "body", [b"", b"<a/>", b"{}", f'<nonsenseRequest xmlns="{_NAMESPACE}"/>'.encode()]
    )
    def test_what_is_no_request_is_e00003(self, api, body):
        assert b"E00003" in api.raw(body).content

    def test_too_long_an_invoice_number_is_e00003(self, api):
        assert code(api.pay(invoice="I" * 21)) == "E00003"

    def test_text_comes_back_as_it_was_sent(self, api):
        ref = result(api.pay(description="Fäke Müller ns1:x <&>"))[2]

        assert api.details(ref).findtext("order/description") == "Fäke Müller ns1:x <&>"


class TestDuplicates:
    def test_without_a_window_the_original_is_not_told(self, api):
        api.pay()

        assert result(api.pay()) == ("3", "11", "0")

    def test_with_a_window_the_original_is_told(self, api):
        original = result(api.pay(window=600))[2]

        assert result(api.pay(window=600)) == ("3", "11", original)

    def test_the_window_is_one_of_the_fields_compared(self, api, acme):
        api.pay(window=600)

        assert result(api.pay(window=601))[0] == "1"
        assert len(acme.charges()) == 2

    @pytest.mark.parametrize(
        "change",
        [{"amount": "10.01"}, {"invoice": "I2"}, {"zip": "10002"}, {"number": "4007000000027"}],
    )
    def test_another_field_makes_another_charge(self, api, change):
        api.pay(window=600)

        assert result(api.pay(window=600, **change))[0] == "1"

    def test_window_zero_charges_twice(self, api, acme):
        api.pay(window=0)
        api.pay(window=0)

        assert len(acme.charges()) == 2

    def test_after_the_window_it_is_a_new_charge(self, api, acme):
        api.pay(window=28800)
        acme.sandbox.control("clock", offset_s=28801)

        assert result(api.pay(window=28800))[0] == "1"

    def test_a_decline_has_duplicates_too(self, api):
        api.pay(window=600, zip="46282")

        assert result(api.pay(window=600, zip="46282"))[:2] == ("3", "11")

    def test_a_window_of_more_than_eight_hours_is_invalid(self, api):
        assert code(api.pay(window=28801)) == "E00003"


class TestTriggers:
    @pytest.mark.parametrize(
        ("trigger", "expected"),
        [
            ({"zip": "46282"}, ("2", "2")),
            ({"code": "901"}, ("2", "65")),
            ({"code": "900"}, ("1", "1")),
            ({"zip": "46290"}, ("4", "253")),
            ({"zip": "46226"}, ("1", "1")),
        ],
    )
    def test_published_values_do_what_is_published(self, api, trigger, expected):
        assert result(api.pay(**trigger))[:2] == expected

    def test_a_number_that_is_no_test_card_is_not_charged(self, api, acme):
        assert code(api.pay(number="4242424242424242")) == "E00027"
        assert acme.charges() == []

    @pytest.mark.parametrize(("zip_code", "left"), [("46226", "1.23"), ("46227", "-1.23")])
    def test_prepaid_cards_tell_their_balance(self, api, zip_code, left):
        answer = api.pay(zip=zip_code)

        assert answer.findtext(".//prePaidCard/balanceOnCard") == left

    def test_amounts_above_a_merchants_filter_are_held(self, sandbox):
        api = Api(sandbox.add_merchant(hold_above="100.00"))

        assert result(api.pay(amount="100.00"))[0] == "1"
        assert result(api.pay(amount="100.01"))[:2] == ("4", "253")


class TestFollowUps:
    def test_an_authorisation_moves_money_only_when_captured(self, api, acme):
        ref = result(api.pay("authOnlyTransaction"))[2]
        assert acme.charges()[0]["amount"] == "0.00"

        api.follow_up("priorAuthCaptureTransaction", ref)

        assert acme.charges()[0]["amount"] == "10.00"

    def test_a_settled_charge_cannot_be_voided(self, api, acme):
        ref = result(api.pay())[2]
        acme.sandbox.control("settle")

        assert result(api.follow_up("voidTransaction", ref))[:2] == ("3", "16")

    def test_an_unsettled_charge_cannot_be_refunded(self, api):
        ref = result(api.pay())[2]
        card = "<creditCard><cardNumber>1111</cardNumber></creditCard>"
        inner = f"<amount>1.00</amount><payment>{card}</payment>"

        assert result(api.follow_up("refundTransaction", ref, inner))[:2] == ("3", "54")

    def test_a_held_charge_is_decided_once(self, api, acme):
        ref = result(api.pay(zip="46290"))[2]
        decision = (
            "<heldTransactionRequest><action>approve</action>"
            f"<refTransId>{ref}</refTransId></heldTransactionRequest>"
        )

        assert result(api.call("updateHeldTransaction", decision))[0] == "1"
        assert result(api.call("updateHeldTransaction", decision))[0] == "3"
        assert acme.charges()[0]["amount"] == "10.00"


class TestProfiles:
    def test_the_same_customer_again_is_e00039_with_its_id(self, api):
        first = api.new_customer().findtext("customerProfileId")

        again = api.new_customer()

        assert code(again) == "E00039"
        assert first in again.findtext("messages/message/text")

    def test_another_email_makes_another_customer(self, api):
        api.new_customer()

        assert code(api.new_customer(email="a@example.com")) == "I00001"

    def test_a_customer_has_ten_cards_at_most(self, api, acme):
        customer_ref = api.new_customer().findtext("customerProfileId")
        for number in range(10):
            acme.save_card(customer_ref, zip=f"1000{number}")

        with pytest.raises(AssertionError, match="E00042"):
            acme.save_card(customer_ref, zip="20000")

    def test_the_same_card_twice_is_e00039(self, api, acme):
        customer_ref = api.new_customer().findtext("customerProfileId")
        acme.save_card(customer_ref)

        with pytest.raises(AssertionError, match="E00039"):
            acme.save_card(customer_ref)

    def test_a_deleted_customer_is_gone(self, api):
        ref = api.new_customer().findtext("customerProfileId")
        inner = f"<customerProfileId>{ref}</customerProfileId>"

        assert code(api.call("deleteCustomerProfile", inner)) == "I00001"
        assert code(api.call("getCustomerProfile", inner)) == "E00040"


class TestReports:
    def test_lists_are_paged_newest_first(self, api):
        refs = [result(api.pay(invoice=f"I{number}"))[2] for number in range(3)]
        sorting = "<sorting><orderBy>id</orderBy><orderDescending>true</orderDescending></sorting>"

        def page(number):
            paging = f"<paging><limit>2</limit><offset>{number}</offset></paging>"
            answer = api.call("getUnsettledTransactionList", sorting + paging)
            return [row.findtext("transId") for row in answer.iter("transaction")]

        assert page(1) == [refs[2], refs[1]]
        assert page(2) == [refs[0]]
        assert page(3) == []

    def test_a_settled_charge_moves_to_a_batch(self, api, acme):
        ref = result(api.pay())[2]
        acme.sandbox.control("settle")

        assert list(api.call("getUnsettledTransactionList").iter("transaction")) == []
        batch = api.call("getSettledBatchList").findtext(".//batchId")
        rows = api.call("getTransactionList", f"<batchId>{batch}</batchId>")
        assert [row.findtext("transId") for row in rows.iter("transaction")] == [ref]

    def test_batches_of_more_than_31_days_cannot_be_asked_for(self, api):
        dates = (
            "<firstSettlementDate>2026-01-01T00:00:00Z</firstSettlementDate>"
            "<lastSettlementDate>2026-02-02T00:00:00Z</lastSettlementDate>"
        )

        assert code(api.call("getSettledBatchList", dates)) == "E00003"
