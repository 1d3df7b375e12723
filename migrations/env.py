"""Runs revisions on the connection that `core.schema` hands over."""

from alembic import context

import tenants.client_record_models
import tenants.models
import tenants.panel_models
import tenants.signin_models  # noqa: F401 (each import adds its tables to the metadata)
from core.db import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
