"""All settings of the program, read from the environment once, in one typed place.

`.env.example` lists them; a missing or wrong one is named at start.
"""

import base64
import os
import sys
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LIVE_API_URL = "https://api.authorize.net/xml/v1/request.api"
LIVE_HOSTED_URL = "https://accept.authorize.net"
TEST_API_URL = "https://apitest.authorize.net/xml/v1/request.api"
TEST_HOSTED_URL = "https://test.authorize.net"
STRIPE_API_URL = "https://api.stripe.com"
SURETAX_LIVE_URL = "https://api.taxrating.net"
SURETAX_TEST_URL = "https://testapi.taxrating.net"


class Settings(BaseSettings):
    """Names are upper case in the environment: `database_url_office` is DATABASE_URL_OFFICE."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    environment: Literal["development", "production"] = "production"
    database_url_office: str
    database_url_panel: str
    database_url_platform: str
    database_url_owner: str = ""
    database_url_admin: str = ""
    redis_url: str
    secret_key: SecretStr = Field(min_length=32)
    credential_keys: SecretStr
    base_url: str = Field(pattern=r"^https?://[^/]+$")
    smtp_host: str
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = True
    smtp_timeout_s: int = 30
    mail_from: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    authorizenet_live_api_url: str = LIVE_API_URL
    authorizenet_live_hosted_url: str = LIVE_HOSTED_URL
    authorizenet_test_api_url: str = TEST_API_URL
    authorizenet_test_hosted_url: str = TEST_HOSTED_URL
    # test and live mode are told apart by the key
    stripe_api_url: str = STRIPE_API_URL
    suretax_live_url: str = SURETAX_LIVE_URL
    suretax_test_url: str = SURETAX_TEST_URL
    # how long an answer, the sender's lease and the gateway itself may take (payments.patience)
    gateway_read_timeout_s: float = Field(default=45.0, gt=0)
    charge_lease_s: float = Field(default=120.0, gt=0)
    charge_grace_s: float = Field(default=600.0, ge=0)
    metrics_token: SecretStr = SecretStr("")
    # empty: required in production, optional in development
    two_factor: Literal["", "required", "optional"] = ""
    trusted_proxies: int = Field(default=0, ge=0, le=5)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    var_dir: Path = Path("var")
    sandbox_urls: str = ""

    @field_validator("credential_keys")
    @classmethod
    def _key_ring(cls, value: SecretStr) -> SecretStr:
        parse_key_ring(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _lease_outlives_answer(self) -> Self:
        if self.gateway_read_timeout_s >= self.charge_lease_s:
            raise ValueError("GATEWAY_READ_TIMEOUT_S must be shorter than CHARGE_LEASE_S")
        return self

    @model_validator(mode="after")
    def _production_is_encrypted(self) -> Self:
        if self.is_production and not self.base_url.startswith("https://"):
            raise ValueError("BASE_URL must begin with https:// in production")
        return self

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def requires_second_factor(self) -> bool:
        """Whether staff without a second factor must set one up before they do anything else."""
        return self.two_factor == "required" or (not self.two_factor and self.is_production)

    @property
    def sandbox_addresses(self) -> dict[str, str]:
        """Stand-ins of a development site by name; from `name=address,name=address`."""
        parts = (part.partition("=") for part in self.sandbox_urls.split(",") if part)
        return {name: address for name, _, address in parts}

    @cached_property
    def credential_key_ring(self) -> dict[str, bytes]:
        """Key id to 32 key bytes; the first one encrypts, all decrypt."""
        return parse_key_ring(self.credential_keys.get_secret_value())


def parse_key_ring(text: str) -> dict[str, bytes]:
    """`kid:base64,kid:base64` to key bytes; raises ValueError that says what is wrong."""
    ring: dict[str, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key_id, _, encoded = part.partition(":")
        key = base64.b64decode(encoded, validate=True)
        if not key_id.isalnum() or len(key) != 32:
            raise ValueError("each key is written id:base64 of 32 bytes, separated by commas")
        ring[key_id] = key
    if not ring:
        raise ValueError("at least one key is needed, written id:base64 of 32 bytes")
    return ring


def use_development_site(var_dir: Path) -> None:
    """Let a command typed in a plain shell find the site of `make run`, which wrote its settings.

    Does nothing where the environment names a database or no such site exists.
    """
    written = var_dir / "development.env"
    if "DATABASE_URL_OFFICE" not in os.environ and written.exists():
        os.environ.update({k: v for k, v in dotenv_values(written).items() if v is not None})


def load_settings() -> Settings:
    """Settings from the environment; ends the program naming each missing or wrong setting."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in item['loc']).upper() or 'Settings'}: {item['msg']}"
            for item in error.errors(include_input=False, include_context=False)
        ]
        sys.exit("Settings are missing or wrong (see .env.example):\n" + "\n".join(lines))
