"""Runs of autoinvoicing: what would be invoiced, how far a run is, what it refused."""

from portal.office.autoinvoicing.blueprint import bp

__all__ = ["bp"]
