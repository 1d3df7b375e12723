"""A stand-in for CCH SureTax (V07 web requests) over real HTTP, for the demo and for tests."""
