"""The platform admins' own screens."""
