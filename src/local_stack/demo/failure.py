"""The one way for the demo to end early: with a message for the person who runs it."""


class DemoFailure(Exception):  # noqa: N818, not an error of the program: what was shown did not hold
    """Something is not as it has to be. The message says what, where, and what was found."""
