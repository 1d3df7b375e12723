"""The form of the rules for declined cards."""

import re
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from payments.dunning_rules import DAY_HOURS, KIND_WORDS, Rules
from payments.gateways.declines import HARD_KINDS, DeclineKind
from portal.card_numbers import no_card_number
from portal.fields import to_choices

KIND_NAMES = {kind.value: words[0] for kind, words in KIND_WORDS.items()}
"""What each kind of decline is called, in English; the screen translates it."""

_WAIT = re.compile(r"(\d{1,4})\s*(h|d|std|t)?", re.IGNORECASE)
_DAYS = ("d", "t")
_ANY_TIME = ""


class WaitsField(StringField):
    """Waits such as “1h, 1d, 3d”; `hours` are they. A number alone is days."""

    hours: tuple[int, ...] = ()

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        found = []
        for part in (self.data or "").replace(";", ",").split(","):
            match = _WAIT.fullmatch(part.strip())
            if match is None:
                raise ValueError(_("Write the waits with commas, for example 1h, 1d, 3d."))
            unit = (match[2] or "d").lower()
            found.append(int(match[1]) * (DAY_HOURS if unit in _DAYS else 1))
        self.hours = tuple(found)


class RulesForm(Form):
    """The calendar, what stops it, and the notice before a card expires.

    For each kind of decline it has a box `stop_<kind>` and a text `words_<kind>`.
    """

    retries = WaitsField(_l("Try again after"), [InputRequired(_l("Write at least one wait."))])
    at_hour = SelectField(_l("Retries after whole days"))
    declines_to_suspend = IntegerField(
        _l("Suspend after declines in a row"), [InputRequired(_l("Enter a number."))]
    )
    codes = StringField(_l("Never try again on these codes"), [no_card_number])
    expiry_days = IntegerField(
        _l("Tell of a card’s end before"), [InputRequired(_l("Enter a number."))]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 (WTForms' own)
        super().__init__(*args, **kwargs)
        self.at_hour.choices = to_choices(
            [
                (_ANY_TIME, _l("at the time of the decline")),
                *((str(hour), f"{hour:02}:00") for hour in range(24)),
            ]
        )

    def show(self, rules: Rules) -> None:
        """Fill in what holds."""
        self.retries.data = ", ".join(say_wait(hours) for hours in rules.retry_hours)
        self.at_hour.data = _ANY_TIME if rules.at_hour is None else str(rules.at_hour)
        self.declines_to_suspend.data = rules.declines_to_suspend
        self.codes.data = ", ".join(rules.stop_codes)
        self.expiry_days.data = rules.expiry_days
        for kind in DeclineKind:
            self[f"stop_{kind.value}"].data = kind.value in rules.stop_kinds
            self[f"words_{kind.value}"].data = rules.advice(kind)

    def to_rules(self) -> Rules:
        """What was typed."""
        codes = (self.codes.data or "").replace(";", ",").split(",")
        words = {kind.value: self[f"words_{kind.value}"].data or "" for kind in DeclineKind}
        return Rules(
            retry_hours=self.retries.hours,
            at_hour=int(self.at_hour.data) if self.at_hour.data else None,
            declines_to_suspend=self.declines_to_suspend.data or 0,
            stop_kinds=frozenset(
                kind.value
                for kind in DeclineKind
                if kind not in HARD_KINDS and self[f"stop_{kind.value}"].data
            ),
            stop_codes=tuple(dict.fromkeys(code.strip() for code in codes if code.strip())),
            expiry_days=self.expiry_days.data or 0,
            words={kind: text.strip() for kind, text in words.items() if text.strip()},
        )


for _kind in DeclineKind:
    setattr(RulesForm, f"stop_{_kind.value}", BooleanField(_l("never try again")))
    setattr(
        RulesForm,
        f"words_{_kind.value}",
        TextAreaField(_l(KIND_WORDS[_kind][0]), [no_card_number]),
    )


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of decline as the form shows it; `is_hard`: card networks forbid a second try."""

    value: str
    name: str
    advice: str
    is_hard: bool


def list_kinds() -> list[KindRow]:
    """Names and standard advice are English; the screen translates them."""
    return [
        KindRow(kind.value, KIND_WORDS[kind][0], KIND_WORDS[kind][1], kind in HARD_KINDS)
        for kind in DeclineKind
    ]


def say_wait(hours: int) -> str:
    """As the field takes it."""
    return f"{hours // DAY_HOURS}d" if hours % DAY_HOURS == 0 else f"{hours}h"
