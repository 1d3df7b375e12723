"""How little and how much one refill may be, in any currency about as much as 1 to 50,000 dollars.

No rates: an order of magnitude for each currency of which a unit is worth much less than a dollar,
as of 2026. A limit only catches a slip of the finger; it need not be exact, and must not move.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

_LEAST, _MOST = Decimal(1), Decimal(50_000)
_UNITS: Mapping[int, str] = {
    10: "BOB BRL BWP CNY CUP CZK DKK EGP ERN GHS GTQ HKD HNL LSL LYD MAD MDL MOP MRU MUR MVR MXN"
    " NAD NIO NOK SCR SEK SLE SRD STN SVC SZL THB TJS TRY TTD TWD UAH UYU ZAR ZMW ZWG",
    100: "AFN ALL AMD BDT BTN CVE DJF DOP DZD ETB GMD GYD HTG HUF INR ISK JMD JPY KES KGS KMF LKR"
    " LRD MKD MZN NPR PHP PKR RSD RUB VED VES VUV XPF YER",
    1_000: "AOA ARS BIF CDF CLP COP CRC IQD KHR KPW KRW KZT MGA MMK MNT MWK NGN RWF SDG SOS SSP"
    " TZS UGX XAF XOF",
    10_000: "GNF IDR LAK LBP PYG SLL SYP UZS VND",
    100_000: "IRR",
}
_SCALES = {code: scale for scale, codes in _UNITS.items() for code in codes.split()}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one refill, both included, in whole units of its currency."""

    least: Decimal
    most: Decimal


def scale_of(currency: str) -> int:
    """About how many units are worth a dollar, as a power of ten; 1 for all that are worth more."""
    return _SCALES.get(currency, 1)


def limits_of(currency: str) -> Limits:
    """The bounds in this currency."""
    scale = scale_of(currency)
    return Limits(_LEAST * scale, _MOST * scale)


LEAST_ABOVE_ONE: Mapping[str, Decimal] = {code: _LEAST * scale for code, scale in _SCALES.items()}
"""The least amount by currency where it is more than one unit."""
