"""A stand-in for Authorize.net: its XML API, hosted pages and signed webhooks, over real HTTP."""
