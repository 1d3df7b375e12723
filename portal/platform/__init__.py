"""Screens of the platform's own staff: the only ones that see several tenants."""
