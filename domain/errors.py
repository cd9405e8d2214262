"""Every error that Vigie raises on purpose.

VigieError
├── BadInput         what came in is wrong: exit code 2, one line
├── Misconfigured    the settings are wrong: exit code 2, one line
├── Transient        may work later; `retry_after` says when
├── Permanent        will not work, however often it is tried
└── Uncertain        nobody knows whether it happened; a person must look
"""


class VigieError(Exception):
    """The message is one line for a person: what is wrong, where, and what to do."""


class BadInput(VigieError):
    """What was handed in cannot be used as it is."""


class Misconfigured(VigieError):
    """The settings name something that does not exist or cannot work."""


class Transient(VigieError):
    """May work later. `retry_after` is in seconds, or None if the other side did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(VigieError):
    """Will not work, however often it is tried."""


class Uncertain(VigieError):
    """The other side may or may not have acted: never try again without a person."""
