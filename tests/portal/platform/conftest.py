"""A viewer of the platform beside its admin, and rows that make the screens say something."""

import pytest
from flask import Flask

from tests.factories.cast import make_platform_user
from tests.portal.browser import Browser, signed_in


@pytest.fixture
def as_platform_viewer(app: Flask, clean_database: None) -> Browser:
    """Platform staff who may only read."""
    viewer = make_platform_user("viewer@platform.example", role="viewer")
    return signed_in(app, "platform", viewer, None)
