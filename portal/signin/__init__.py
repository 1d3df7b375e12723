"""Sign-in, forgotten passwords, and one's own account, at /login, /clients/login and /account."""

from portal.signin import account, resets, views
from portal.signin.blueprint import bp

__all__ = ["account", "bp", "resets", "views"]
