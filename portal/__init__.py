"""HTTP: the application, what every screen shares, and the screens by area."""
