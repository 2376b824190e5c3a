"""What the job `check_setup` checks: each check with what it asks, what its answer means, and what to do.

A check asks what an export would ask, through the same clients. It decides nothing for exports, and leaves nothing.
"""
