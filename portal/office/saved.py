"""The answer after a small form was saved: the dialog closes and its list draws itself anew."""

from flask import Response, flash, redirect

from portal.htmx import hx, toast, wants_partial


def saved(text: str, *, changed: str, address: str) -> Response:
    """`changed` is the event that the list listens to; without htmx, go to `address`."""
    if wants_partial():
        done = {"dialog:close": {}, changed: {}, "toast": toast(text)}
        return hx(trigger=done, reswap="none")
    flash(text, "success")
    return redirect(address, 303)  # type: ignore[return-value]
