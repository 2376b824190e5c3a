"""The REST API: routes, and what each call asks of the room of versions and of the hooks."""
