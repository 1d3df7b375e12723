"""A mailbox for development: takes mail over real SMTP, keeps it, shows it on a web page."""
