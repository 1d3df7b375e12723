"""Stand-ins for outside services, over real HTTP and SMTP, for the demo and the tests."""
