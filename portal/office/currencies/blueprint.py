"""The blueprint that the modules of this folder add their views to, and whose books are open."""

from flask import Blueprint, request

from core.db import Session
from core.tenancy import current_scope
from tenants import resellers
from tenants.models import Reseller

bp = Blueprint("office_currencies", __name__, url_prefix="/office/currencies")
CURRENCIES_CHANGED = "currencies-changed"
RATES_CHANGED = "rates-changed"


def open_reseller(session: Session) -> Reseller:
    """The one that the address names, else one's own; NotFoundError for one of others."""
    asked = request.values.get("reseller", type=int)
    return resellers.get_reseller(session, asked or current_scope().home_reseller_id)
