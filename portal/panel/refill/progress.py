"""How a payment stands, in the words of the person who waits for it."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _

from portal.formatting import money
from portal.panel.card_words import card_name
from portal.panel.refill.queries import Watch


@dataclass(frozen=True, slots=True)
class Progress:
    """`state` as of the progress component; `next` names the step offered.

    Next steps: `page` (the gateway's page can be opened), `way` (that, or paying another way),
    `confirm` (the bank's page), `retry` (a new payment makes sense), `rest` (only a part was paid),
    `done`, or none.
    """

    state: str
    title: str
    text: str
    next: str = ""


def describe(watch: Watch, *, is_back: bool) -> Progress:
    """`is_back`: the browser has returned from the gateway's page, which proves nothing."""
    return _STORIES[watch.refill.state](watch, is_back)


def _amount(watch: Watch) -> str:
    return f"{money(watch.refill.amount, watch.refill.currency)} {watch.refill.currency}"


def _on_its_way(watch: Watch, is_back: bool) -> Progress:
    title = _("%(amount)s is on its way", amount=_amount(watch))
    if watch.refill.method == "hosted_page":
        if is_back:
            text = _("We are asking the payment gateway whether you have paid.")
            return Progress("running", title, text, "page")
        title = _("%(amount)s is not paid yet", amount=_amount(watch))
        text = _(
            "The secure page of the payment gateway waits for you. Leave it unused and nothing is"
            " charged: this payment lapses by itself in about half an hour."
        )
        return Progress("running", title, text, "way")
    if watch.was_tried:
        text = _(
            "The payment gateway could not be reached. Nothing was charged; we try again by"
            " ourselves."
        )
        return Progress("running", title, text)
    name = card_name(watch.card) if watch.card else _("your card")
    text = _(
        "We are charging %(card)s. It usually takes a few seconds; you may close this page, the"
        " payment goes on.",
        card=name,
    )
    return Progress("running", title, text)


def _unknown(watch: Watch, _is_back: bool) -> Progress:
    return Progress(
        "running",
        _("We are asking the gateway about %(amount)s", amount=_amount(watch)),
        _(
            "Its answer was lost, so we do not know yet whether the card was charged. Please do not"
            " pay again: this page shows the outcome as soon as we know it."
        ),
    )


def _held(watch: Watch, is_back: bool) -> Progress:
    if watch.needs_confirmation:
        return _to_confirm(watch, is_back)
    if watch.is_clearing:
        return Progress(
            "unknown",
            _("Your bank is paying %(amount)s", amount=_amount(watch)),
            _(
                "Banks take up to five business days. There is nothing for you to do; please do not"
                " pay again. Your balance grows when your bank has paid, and we write to you."
            ),
        )
    return Progress(
        "unknown",
        _("%(amount)s is held for review", amount=_amount(watch)),
        _(
            "The payment gateway wants to look at this payment before it goes through. There is"
            " nothing for you to do; please do not pay again. Your balance grows when it is"
            " approved, and nothing is charged if it is not."
        ),
    )


def _to_confirm(watch: Watch, is_back: bool) -> Progress:
    if is_back:
        title = _("We are asking the gateway about %(amount)s", amount=_amount(watch))
        text = _("We are asking whether your bank has let the payment through.")
        return Progress("running", title, text, "confirm")
    return Progress(
        "unknown",
        _("Your bank wants you to confirm %(amount)s", amount=_amount(watch)),
        _(
            "Nothing is charged until you confirm it on your bank's page. You have a day for it;"
            " after that the payment is cancelled."
        ),
        "confirm",
    )


def _succeeded(watch: Watch, _is_back: bool) -> Progress:
    refill = watch.refill
    credited = f"{money(refill.credited, refill.currency)} {refill.currency}"
    if refill.credited < refill.amount:
        text = _(
            "The card covered only this part of %(amount)s. You can pay the rest with another"
            " card.",
            amount=_amount(watch),
        )
        return Progress("done", _("%(amount)s is paid", amount=credited), text, "rest")
    text = _("Thank you. It is on your balance.")
    return Progress("done", _("%(amount)s is paid", amount=credited), text, "done")


def _declined(watch: Watch, _is_back: bool) -> Progress:
    reason = _(watch.refill.reason) if watch.refill.reason else _("The card was declined.")
    text = _(
        "%(reason)s Nothing was charged. Try another card or a smaller amount, or ask your bank.",
        reason=reason,
    )
    return Progress("failed", _("%(amount)s was declined", amount=_amount(watch)), text, "retry")


def _failed(watch: Watch, _is_back: bool) -> Progress:
    reason = _(watch.refill.reason) if watch.refill.reason else _("Nothing was charged.")
    return Progress(
        "failed", _("%(amount)s could not be paid", amount=_amount(watch)), reason, "retry"
    )


def _abandoned(watch: Watch, _is_back: bool) -> Progress:
    return Progress(
        "failed",
        _("%(amount)s was not paid", amount=_amount(watch)),
        _("The payment page was not used in its time. Nothing was charged."),
        "retry",
    )


_STORIES: dict[str, Callable[[Watch, bool], Progress]] = {
    "requested": _on_its_way,
    "processing": _on_its_way,
    "unknown": _unknown,
    "held": _held,
    "succeeded": _succeeded,
    "declined": _declined,
    "failed": _failed,
    "abandoned": _abandoned,
}
