"""Who calls, what each may do, and the secrets that each may read."""
