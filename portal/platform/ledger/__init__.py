"""The ledger check: results of every tenant, run now, findings explained."""
