"""Webhooks of payment gateways: check the signature, store the event, answer 2xx."""
