"""The events log of all tenants."""
