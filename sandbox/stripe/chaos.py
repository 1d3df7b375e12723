"""Faults on demand: the network and the gateway misbehave as they are told."""

import random
import threading
from dataclasses import dataclass

# Before the request is processed, while its key is in use, or after it is on disk.
BEFORE = ("delay_before", "drop_before", "http_429", "http_502")
DURING = ("delay_during",)
AFTER = ("delay_after", "http_500_after", "unreadable_after", "drop_after")
ANY_CALL = "*"


@dataclass
class Rule:
    """One fault: for the next `times` matching calls, or each with a probability."""

    fault: str
    times: int | None = None
    probability: float = 1.0
    call: str = "payment_intents.create"
    account: str = ""
    delay_s: float = 0.0

    def matches(self, call: str, account: str) -> bool:
        """Whether the rule speaks of this call."""
        return self.call in (call, ANY_CALL) and self.account in (account, "")


class Chaos:
    """The rules in force. Safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._random = random.Random()

    def add(self, rule: Rule) -> None:
        """Put a rule in force. ValueError if its fault is unknown."""
        if rule.fault not in BEFORE + DURING + AFTER:
            raise ValueError(f"unknown fault: {rule.fault}")
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._rules.clear()

    def seed(self, seed: int) -> None:
        """Make the probabilities repeat themselves."""
        with self._lock:
            self._random.seed(seed)

    def draw(self, call: str, account: str) -> dict[str, Rule]:
        """The faults that befall this call, by name."""
        with self._lock:
            drawn = {}
            for rule in self._rules:
                if not rule.matches(call, account) or self._random.random() >= rule.probability:
                    continue
                if rule.times is not None:
                    rule.times -= 1
                drawn[rule.fault] = rule
            self._rules = [rule for rule in self._rules if rule.times is None or rule.times > 0]
            return drawn
