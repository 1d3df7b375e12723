"""The back office of a reseller: one folder a screen."""
