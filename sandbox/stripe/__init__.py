"""A stand-in for Stripe: a real HTTP server for the library's base address."""
