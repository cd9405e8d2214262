"""The brand that listens. Several may live in one installation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """`id` is the key on every row; a brand without a name hears everything it is given.

    `accounts` are the brand's own, as `network:handle`; what they post never opens a case.
    `timezone` and `country` hold for customers of whom neither is known.
    """

    id: str = "default"
    name: str | None = None
    aliases: tuple[str, ...] = ()
    misspellings: tuple[str, ...] = ()
    inflections: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    website: str | None = None
    language: str = "fr"
    country: str = "FR"
    timezone: str = "Europe/Paris"

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names with every further form of them, for searching."""
        return tuple(dict.fromkeys((*self.names, *self.inflections, *self.misspellings)))

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases, without empty ones."""
        return tuple(name for name in (self.name, *self.aliases) if name)

    def owns(self, network: str, handle: str | None) -> bool:
        """Whether this account is the brand's own."""
        return handle is not None and f"{network}:{handle.lstrip('@')}".lower() in {
            account.replace(":@", ":").lower() for account in self.accounts
        }
