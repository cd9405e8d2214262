"""What settings and policies say of claim links."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from domain.contact import ContactPolicy, NetworkPolicy


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """`base_url` is the public address of the console; `ask_by_itself`: where a reply in place is decided, no
    person has to press "ask the customer"; `ask_again` is how long an author who was asked is left in peace;
    `templates` is the folder with the operator's own words.
    """

    base_url: str
    lifetime: timedelta
    code_lifetime: timedelta
    identity_lifetime: timedelta
    networks: Callable[[str], NetworkPolicy]
    contact: ContactPolicy
    contact_on: bool = True
    ask_by_itself: bool = False
    ask_again: timedelta = timedelta(days=30)
    templates: Path | None = None

    def address(self, token: str) -> str:
        """Where a link leads."""
        return f"{self.base_url}/c/{token}"
