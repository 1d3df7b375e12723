"""The web requests: fields checked as documented, the documented codes in the answers.

Header codes 1000-1510 refuse the whole request, item codes 9100-9400 an item (header code 9001).
The texts are SureTax's own where its developer pages print them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import InvalidOperation
from typing import Any

from sandbox.suretax import rates
from sandbox.suretax.store import Json, Store

_HEADERS = {
    "1000": "Failure - STAN already processed",
    "1100": "Failure - General Failure",
    "1101": "Failure - There is a format error in the web request -"
    " Input string was not in a correct format",
    "1110": "Failure - Data Month Required",
    "1120": "Failure - Data Year Required",
    "1121": "Failure - Invalid Data Year/Month - Must be a published Data Year/Month",
    "1130": "Failure - Client Number Required",
    "1131": "Failure - Invalid Client Number",
    "1141": "Failure - Invalid Business Unit",
    "1150": "Failure - Validation Key Required",
    "1151": "Failure - Invalid Validation Key",
    "1171": "Failure - Invalid Client Tracking Code",
    "1190": "Failure - Response Group Code Required",
    "1191": "Failure - Invalid Response Group Code",
    "1200": "Failure - Response Type Required",
    "1201": "Failure - Invalid Response Type",
    "1210": "Failure - Return File Code Required",
    "1211": "Failure - Invalid Return File Code",
    "1220": "Failure - Item List Required",
    "1510": "Failure - Transaction is more than 60 days old",
}
_PLAIN = re.compile(r"[A-Za-z0-9]*")
_PHONE = re.compile(r"\d{10}")
_MONEY = re.compile(r"-?\d{1,9}(\.\d{1,4})?")
_SITUS = ("01", "02", "03", "04", "05", "07", "09", "11", "14", "17", "27")
_CANCEL_DAYS = 60


class Refused(Exception):
    """The whole request is refused, with this header code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Api:
    """Answers requests; `now` is the sandbox's clock."""

    store: Store
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251 (its own clock)

    def calculate(self, request: Json) -> Json:
        """PostRequest."""
        try:
            self._check_header(request)
            items, messages = _sort_items(request)
            return self._answer(request, items, messages)
        except Refused as error:
            return _failure(request, error.code)
        except (ValueError, TypeError, LookupError, AttributeError, InvalidOperation):
            return _failure(request, "1101")

    def cancel(self, request: Json) -> Json:
        """CancelPostRequest."""
        try:
            self._check_sender(request)
            rows = self.store.all(
                "SELECT * FROM filings WHERE client = ? AND trans_id = ?",
                str(request["ClientNumber"]), int(request.get("TransId") or 0),
            )  # fmt: skip
            if not rows or rows[0]["cancelled"]:
                raise Refused("1100")
            if (self.now() - datetime.fromisoformat(rows[0]["made_at"])).days > _CANCEL_DAYS:
                raise Refused("1510")
            self.store.run(
                "UPDATE filings SET cancelled = 1 WHERE trans_id = ?", rows[0]["trans_id"]
            )
        except Refused as error:
            return _head(request, "N", error.code, _HEADERS[error.code], 0)
        except (ValueError, TypeError, LookupError):
            return _head(request, "N", "1101", _HEADERS["1101"], 0)
        return _head(request, "Y", "9999", "Success", rows[0]["trans_id"])

    def _answer(self, request: Json, items: list[Json], messages: list[Json]) -> Json:
        digits = int(str(request["ResponseType"])[1:] or 5)
        groups = [rates.group(item, digits) for item in items]
        code, text = ("9001", "Success with Item errors") if messages else ("9999", "Success")
        answer = {
            **_head(request, "Y", code, text, 0),
            "ItemMessages": messages,
            "TotalTax": f"{rates.total(groups):f}",
            "GroupList": groups,
        }
        kind = str(request["ReturnFileCode"])
        if kind == "Q":
            answer["TransId"] = self.store.next_quote_id()
            return answer
        kept = {**request, "ValidationKey": ""}
        stan = str(request.get("STAN") or "")
        at = self.now().isoformat()
        trans_id = self.store.add(str(request["ClientNumber"]), stan, kind, kept, answer, at)
        if not trans_id:
            raise Refused("1000")
        answer["TransId"] = trans_id
        return answer

    def _check_sender(self, request: Json) -> None:
        client, key = (str(request.get(name) or "") for name in ("ClientNumber", "ValidationKey"))
        if not client:
            raise Refused("1130")
        if len(client) > 10 or not _PLAIN.fullmatch(client):
            raise Refused("1131")
        if not key:
            raise Refused("1150")
        if len(key) > 36 or not self.store.check_key(client, key):
            raise Refused("1151")
        if len(str(request.get("ClientTracking") or "")) > 100:
            raise Refused("1171")

    def _check_header(self, request: Json) -> None:
        self._check_sender(request)
        unit = str(request.get("BusinessUnit") or "")
        if len(unit) > 20 or not _PLAIN.fullmatch(unit):
            raise Refused("1141")
        self._check_month(request)
        _check_codes(request)
        if not isinstance(request.get("ItemList"), list) or not request["ItemList"]:
            raise Refused("1220")
        if not _MONEY.fullmatch(str(request.get("TotalRevenue") or "")):
            raise Refused("1101")
        if len(str(request.get("STAN") or "")) > 16:
            raise Refused("1101")

    def _check_month(self, request: Json) -> None:
        if not request.get("DataMonth"):
            raise Refused("1110")
        if not request.get("DataYear"):
            raise Refused("1120")
        year, month = int(request["DataYear"]), int(request["DataMonth"])
        # the rates of this month and of those before it are published; somewhere it is tomorrow
        today = self.now() + timedelta(days=1)
        if year < 2000 or not 1 <= month <= 12 or (year, month) > (today.year, today.month):
            raise Refused("1121")


def _check_codes(request: Json) -> None:
    if not request.get("ReturnFileCode") and request.get("ReturnFileCode") != 0:
        raise Refused("1210")
    if str(request["ReturnFileCode"]) not in ("0", "Q"):
        raise Refused("1211")
    if not request.get("ResponseGroup"):
        raise Refused("1190")
    if str(request["ResponseGroup"]) not in ("00", "01", "02", "03"):
        raise Refused("1191")
    if not request.get("ResponseType"):
        raise Refused("1200")
    if not re.fullmatch(r"[DS][1-9]?", str(request["ResponseType"])):
        raise Refused("1201")


def _sort_items(request: Json) -> tuple[list[Json], list[Json]]:
    """Those that are taxed, and what is wrong with the others."""
    good, messages = [], []
    for number, item in enumerate(request["ItemList"], 1):
        wrong = _check_item(item)
        if wrong is None:
            good.append(item)
        else:
            line = str(item.get("LineNumber") or number)
            messages.append({"LineNumber": line, "ResponseCode": wrong[0], "Message": wrong[1]})
    return good, messages


def _check_item(item: dict[str, Any]) -> tuple[str, str] | None:
    checks: tuple[tuple[bool, str, str], ...] = (
        (_is_plain(item, "InvoiceNumber"), "9100", "Invalid Invoice Number - Must be Alphanumeric"),
        (_fits(item, "InvoiceNumber", 40), "9101",
         "Invalid Invoice Number - Exceeds Character Limit"),
        (_is_plain(item, "CustomerNumber"), "9110",
         "Invalid Customer Number - Must be Alphanumeric"),
        (_fits(item, "CustomerNumber", 40), "9111",
         "Invalid Customer Number - Exceeds Character Limit"),
        (_are_phones(item), "9120", "Invalid Number - Format NPANXXNNNN"),
        (_has_place(item), "9140", "Invalid Zip Code"),
        (_is_date(item), "9170", "Invalid Transaction Date"),
        (bool(_MONEY.fullmatch(str(item.get("Revenue") or ""))), "9180", "Invalid Revenue"),
        (str(item.get("UnitType")) == "00", "9220", "Invalid Unit Type - Must be 00"),
        (str(item.get("TaxIncludedCode")) in ("0", "1"), "9240", "Invalid Tax Included Code"),
        (str(item.get("TaxSitusRule")) in _SITUS, "9250", "Invalid Tax Situs Rule"),
        (bool(re.fullmatch(r"\d{6}", str(item.get("TransTypeCode")))), "9260",
         "Invalid Transaction Type Code"),
        (str(item.get("SalesTypeCode")) in ("R", "B", "I", "L"), "9270", "Invalid Sales Type"),
        (bool(re.fullmatch(r"\d{2}", str(item.get("RegulatoryCode")))), "9280",
         "Invalid Regulatory Code"),
        (bool(item.get("TaxExemptionCodeList")), "9290", "Tax Exemption Code Required"),
    )  # fmt: skip
    return next(((code, text) for is_right, code, text in checks if not is_right), None)


def _is_plain(item: Json, name: str) -> bool:
    return _PLAIN.fullmatch(str(item.get(name) or "")) is not None


def _fits(item: Json, name: str, length: int) -> bool:
    return len(str(item.get(name) or "")) <= length


def _are_phones(item: Json) -> bool:
    rule = str(item.get("TaxSitusRule"))
    wanted = {"01": ("OrigNumber", "TermNumber", "BillToNumber"), "02": ("BillToNumber",),
              "03": ("OrigNumber",)}.get(rule, ())  # fmt: skip
    given = ("OrigNumber", "TermNumber", "BillToNumber")
    return all(item.get(name) for name in wanted) and all(
        _PHONE.fullmatch(str(item[name])) for name in given if item.get(name)
    )


def _has_place(item: Json) -> bool:
    rule, zip_code = str(item.get("TaxSitusRule")), str(item.get("Zipcode") or "")
    if rule in ("01", "02", "03"):
        return True
    has_four = re.fullmatch(r"\d{4}", str(item.get("Plus4") or "")) is not None
    return re.fullmatch(r"\d{5}", zip_code) is not None and (rule != "05" or has_four)


def _is_date(item: Json) -> bool:
    text = str(item.get("TransDate") or "")
    for form in ("%m/%d/%Y", "%m-%d-%Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 (a day without a zone)
        except ValueError:
            continue
        return True
    return False


def _failure(request: Json, code: str) -> Json:
    return {
        **_head(request, "N", code, _HEADERS[code], 0),
        "ItemMessages": [],
        "TotalTax": None,
        "GroupList": [],
    }


def refusal(code: str) -> Json:
    """The answer with a header code, as a test wants it."""
    return _failure({}, code) | {"HeaderMessage": _HEADERS.get(code, "Failure")}


def _head(request: Json, successful: str, code: str, text: str, trans_id: int) -> Json:
    return {
        "Successful": successful,
        "ResponseCode": code,
        "HeaderMessage": text,
        "ClientTracking": request.get("ClientTracking"),
        "STAN": request.get("STAN"),
        "TransId": trans_id,
    }
