"""What the SMTP server does wrong when told to, so that senders can be tested against it."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Literal, cast

Kind = Literal["reply", "drop", "hang", "silence"]
Stage = Literal["connect", "ehlo", "mail", "rcpt", "data"]

KINDS = ("reply", "drop", "hang", "silence")
STAGES = ("connect", "ehlo", "mail", "rcpt", "data")
STAGES_WITH_RECIPIENTS = ("rcpt", "data")
TEXTS = {
    421: "4.3.2 Service not available, closing connection",
    450: "4.2.1 Mailbox is busy",
    451: "4.3.0 Local error, try again later",
    452: "4.2.2 Mailbox is full, try again later",
    550: "5.1.1 No such mailbox",
    552: "5.2.2 Mailbox exceeds its quota",
}


class WrongFault(ValueError):
    """The wish for a fault is not one that the server understands."""


@dataclass(slots=True)
class Fault:
    """One wish: what goes wrong, at which stage, for whom and how often (`count` None: always).

    `reply` answers `code`; `drop` closes the connection without an answer; `silence` never answers;
    `hang` answers as usual after `seconds`. `keep` says whether a message whose answer was lost at
    the stage `data` is stored all the same.
    """

    fault: Kind
    stage: Stage
    code: int = 0
    text: str = ""
    recipient: str = "*"
    count: int | None = None
    seconds: float = 0
    keep: bool = True

    @property
    def answer(self) -> str:
        """The SMTP reply line."""
        return f"{self.code} {self.text or TEXTS.get(self.code, 'Refused')}"

    def concerns(self, stage: Stage, recipients: Iterable[str]) -> bool:
        """Whether it strikes now; a pattern other than `*` needs a matching recipient."""
        if self.stage != stage or self.count == 0:
            return False
        pattern = self.recipient.lower()
        return pattern == "*" or any(fnmatchcase(name.lower(), pattern) for name in recipients)


def parse_fault(wish: object) -> Fault:
    """A fault from decoded JSON; raises WrongFault that says what is wrong."""
    if not isinstance(wish, dict):
        raise WrongFault("a fault is a JSON object")
    if wrong := set(wish) - {field for field in Fault.__dataclass_fields__}:
        raise WrongFault(f"unknown: {', '.join(sorted(map(str, wrong)))}")
    values = cast("dict[str, object]", wish)
    kind = values.get("fault")
    stage = values.get("stage", "rcpt" if kind == "reply" else "data")
    if kind not in KINDS:
        raise WrongFault(f"fault is one of {', '.join(KINDS)}")
    if stage not in STAGES:
        raise WrongFault(f"stage is one of {', '.join(STAGES)}")
    fault = Fault(
        fault=cast("Kind", kind),
        stage=cast("Stage", stage),
        code=_number(values, "code", 0),
        text=_line(values, "text", ""),
        recipient=_line(values, "recipient", "*"),
        count=None if values.get("count") is None else _number(values, "count", 1),
        seconds=_seconds(values),
        keep=values.get("keep", True) is True,
    )
    _check_together(fault)
    return fault


def _number(values: Mapping[str, object], name: str, default: int) -> int:
    value = values.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise WrongFault(f"{name} is a whole number")
    return value


def _seconds(values: Mapping[str, object]) -> float:
    value = values.get("seconds", 0)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 3600:
        raise WrongFault("seconds is a number from 0 to 3600")
    return float(value)


def _line(values: Mapping[str, object], name: str, default: str) -> str:
    value = values.get(name, default)
    if not isinstance(value, str) or not value.isprintable():
        raise WrongFault(f"{name} is one line of text")
    return value


def _check_together(fault: Fault) -> None:
    if fault.fault == "reply" and not 400 <= fault.code <= 599:
        raise WrongFault("a reply needs a code from 400 to 599")
    if fault.recipient != "*" and fault.stage not in STAGES_WITH_RECIPIENTS:
        raise WrongFault("recipients are known only at the stages rcpt and data")


def _standing_faults() -> list[Fault]:
    return [
        Fault(fault="reply", stage="rcpt", code=550, recipient="*@bounce.example"),
        Fault(fault="reply", stage="rcpt", code=451, recipient="*@later.example"),
    ]


class FaultPlan:
    """The faults in force: first those asked for, in their order, then the two standing domains."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wished: list[Fault] = []
        self._standing = _standing_faults()

    def add(self, faults: Iterable[Fault]) -> None:
        """Puts faults behind those asked for before."""
        with self._lock:
            self._wished.extend(faults)

    def reset(self) -> None:
        """Forgets what was asked for; the standing domains stay."""
        with self._lock:
            self._wished.clear()

    def strike(self, stage: Stage, recipients: Iterable[str] = ()) -> Fault | None:
        """The fault that strikes now, if any, with its count taken down."""
        names = list(recipients)
        with self._lock:
            for fault in (*self._wished, *self._standing):
                if fault.concerns(stage, names):
                    if fault.count is not None:
                        fault.count -= 1
                    return fault
        return None

    def list_faults(self) -> list[dict[str, object]]:
        """The faults that can still strike, as JSON values."""
        with self._lock:
            return [asdict(one) for one in (*self._wished, *self._standing) if one.count != 0]
