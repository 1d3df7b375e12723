"""Sign-in, forgotten passwords, and one's own account, at /login, /clients/login and /account."""

from portal.signin import (
    account,
    brand,
    keyboard,
    language,
    resets,
    second_factor_pages,
    second_step,
    sign_up,
    views,
)
from portal.signin.blueprint import bp

__all__ = [
    "account",
    "bp",
    "brand",
    "keyboard",
    "language",
    "resets",
    "second_factor_pages",
    "second_step",
    "sign_up",
    "views",
]
