"""One request to the API: who asks, for what, and how a refusal is written."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.store import Json, Store


class ApiError(Exception):
    """Stripe's `error` object with its HTTP status."""

    def __init__(self, status: int, **error: object) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.error = error


def invalid(message: str, *, code: str = "", param: str = "", status: int = 400) -> ApiError:
    """An invalid_request_error."""
    named = {name: value for name, value in (("code", code), ("param", param)) if value}
    return ApiError(status, type="invalid_request_error", message=message, **named)


@dataclass
class Call:
    """`account` is the id of who asks; `own_url` where a browser finds this sandbox."""

    store: Store
    account: str
    own_url: str
    params: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str, otherwise: str = "") -> str:
        """A parameter as text."""
        value = self.params.get(name, otherwise)
        return value if isinstance(value, str) else otherwise

    def required(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.text(name)
        if not value:
            raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
        return value

    def is_true(self, name: str) -> bool:
        """A parameter that is a switch."""
        return self.text(name) == "true"

    def mapping(self, name: str) -> dict[str, Any]:
        """A parameter with named parts."""
        value = self.params.get(name)
        return value if isinstance(value, dict) else {}

    def metadata(self) -> dict[str, str]:
        """The metadata given."""
        return {name: str(value) for name, value in self.mapping("metadata").items()}

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """An object of the account; a resource_missing error if there is none."""
        found = self.store.find(self.account, object_id, kind)
        if found is None or found.get("deleted"):
            words = kind.replace(".", " ").replace("_", " ").replace(" ", "")
            raise invalid(
                f"No such {words}: '{object_id}'",
                code="resource_missing",
                param=param,
                status=404 if param == "id" else 400,
            )
        return found


def shown(found: Json) -> Json:
    """The object without what is only the sandbox's own business."""
    return {name: value for name, value in found.items() if not name.startswith("_")}
