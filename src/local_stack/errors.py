"""What can go wrong with the local stack that its user can put right."""


class SetupError(Exception):
    """The local stack cannot do what it is asked; the message says why and what to do."""
