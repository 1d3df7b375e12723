"""Stamps: what a form was drawn from, so that nobody saves over another person's change unseen."""

import hashlib
import json
from collections.abc import Mapping

from core.errors import ConflictError


def make_stamp(facts: Mapping[str, object]) -> str:
    """Another text whenever any of the facts is another."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_stamp(stamp: str, facts: Mapping[str, object]) -> None:
    """Raises ConflictError when `stamp` was made of other facts."""
    if stamp != make_stamp(facts):
        raise ConflictError("Somebody has changed these settings since you opened them.")
