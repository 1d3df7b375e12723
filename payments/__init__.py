"""Money crossing our border: gateways, saved cards, refills, refunds, auto payment."""
