"""Who exists and who may do what: resellers, users, roles, clients, audit and events."""
