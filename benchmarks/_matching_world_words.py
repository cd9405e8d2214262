"""What people call themselves on a network, and how they put a complaint."""

from collections.abc import Callable
from random import Random

from benchmarks._matching_world_names import NICKNAMES
from benchmarks._matching_world_people import HOSTS, local_part, plain

COMPLAINTS = {
    ("fr", "delivery"): (
        "Toujours pas livré, trois semaines que j'attends ma commande Hirondelle.",
        "Colis Hirondelle annoncé hier, personne n'est passé. C'est lamentable.",
        "Hirondelle ne répond plus et ma livraison est perdue on ne sait où.",
    ),
    ("fr", "defect"): (
        "Reçu hier, déjà en panne. Bravo Hirondelle.",
        "L'article Hirondelle est arrivé cassé et le service refuse l'échange.",
        "Deuxième produit défectueux de chez Hirondelle, c'est une honte.",
    ),
    ("fr", "billing"): (
        "Hirondelle m'a prélevé deux fois et refuse de rembourser.",
        "Facture fausse encore ce mois-ci, merci Hirondelle.",
        "Une heure d'attente au téléphone chez Hirondelle pour rien.",
    ),
    ("en", "delivery"): (
        "Still no delivery from Hirondelle, three weeks now.",
        "Parcel from Hirondelle lost again and nobody answers.",
        "Hirondelle promised it for Monday. Nothing came.",
    ),
    ("en", "defect"): (
        "Arrived yesterday, broken today. Well done Hirondelle.",
        "Second faulty item from Hirondelle, this is a disgrace.",
        "Hirondelle sent the wrong one and will not take it back.",
    ),
    ("en", "billing"): (
        "Hirondelle charged me twice and will not refund.",
        "Wrong invoice again, thanks a lot Hirondelle.",
        "An hour on hold with Hirondelle for nothing.",
    ),
}
KINDS = ("delivery", "defect", "billing")
RELATIVES = {
    "fr": ("pour ma mère", "pour mon père", "pour mon mari", "pour ma voisine", "de la part de ma grand-mère"),
    "en": ("for my mother", "for my dad", "for my husband", "for my neighbour", "on behalf of my aunt"),
}
PRESS = {"fr": ("journaliste", "avocate en droit de la consommation"), "en": ("journalist", "consumer lawyer")}
_QUOTED: dict[str, dict[str, tuple[str, ...]]] = {
    "order": {
        "fr": ("Commande {}", "n° de commande : {}", "réf {}", "{}"),
        "en": ("Order {}", "order no. {}", "ref {}", "{}"),
    },
    "email": {"fr": ("mon mail : {}", "contact {}"), "en": ("my email is {}", "reach me at {}")},
    "phone": {"fr": ("mon numéro : {}", "rappelez-moi au {}"), "en": ("call me on {}", "my number: {}")},
}
_SALT = ("75", "69", "13", "59", "84", "92", "1987", "_off", "xx", "2000")
_NOUNS = "lune chat loup river pixel nuage storm coffee velo guitar renard panda comet tulipe rocket mango".split()
_TITLES = ("Dr {}", "{} 🌻", "{} ☕", "{} | papa de deux", "{} #teamsud", "{} 🚲🌍")
LOOK_ALIKE = str.maketrans({"a": "а", "e": "е", "o": "о", "i": "і", "c": "с"})


class Words:
    """Everything that is said, drawn from one random source."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def name(self, given: str, family: str) -> str:
        """A display name as people write their own: whole in two of three, else a part of it or none."""
        draw = self.random.random()
        nickname = NICKNAMES.get(given, given)
        shapes = (
            (0.42, f"{given} {family}"),
            (0.48, f"{family} {given}"),
            (0.55, f"{given} {family}".lower()),
            (0.59, _without_accents(f"{given} {family}")),
            (0.65, self.random.choice(_TITLES).format(f"{given} {family}")),
            (0.72, f"{given} {family[:1]}."),
            (0.76, f"{given[:1]}. {family}"),
            (0.80, f"{nickname} {family}"),
            (0.88, given),
            (1.00, self.pseudonym()),
        )
        return next(shown for up_to, shown in shapes if draw < up_to)

    def pseudonym(self) -> str:
        return f"{self.random.choice(_NOUNS)}{self.random.choice(_NOUNS)}{self.random.randrange(100)}"

    def handle(self, given: str, family: str, emails: tuple[str, ...]) -> str:
        """From the name, from the mailbox, from a nickname, or from nothing that is known."""
        draw = self.random.random()
        if draw < 0.25 and emails:
            return emails[0].partition("@")[0]
        if draw < 0.55:
            return local_part(given, family, self.random.random(), self.random.randrange(1000))
        if draw < 0.65:
            return f"{plain(given)}{plain(family)}{self.random.choice(_SALT)}"
        if draw < 0.75:
            return f"{plain(NICKNAMES.get(given, given))}{self.random.choice(_SALT)}"
        return self.pseudonym()

    def complaint(self, language: str, kind: str, *more: str) -> str:
        """One sentence of this kind and what else is told."""
        parts = [self.random.choice(COMPLAINTS[language, kind]), *filter(None, more)]
        return " ".join(parts)

    def quote(self, kind: str, value: str, language: str) -> str:
        """An identifier within words, written in one of the ways people write it."""
        spellings: dict[str, Callable[[str], str]] = {"order": self._order, "email": self._email, "phone": self._phone}
        written = spellings[kind](value)
        return self.random.choice(_QUOTED[kind][language]).format(written) + "."

    def in_town(self, city: str, language: str) -> str:
        return f"J'habite {city}." if language == "fr" else f"I live in {city}."

    def email(self, given: str, family: str) -> str:
        """An address that is in no file."""
        return f"{local_part(given, family, self.random.random(), self.random.randrange(10_000))}@new-{HOSTS[0]}"

    def _order(self, number: str) -> str:
        draw = self.random.random()
        if draw < 0.7:
            return number
        return f"{number[:2]} {number[2:6]}-{number[6:]}" if draw < 0.9 else number.lower()

    def _email(self, address: str) -> str:
        return (
            address.replace("@", " at ").replace(".example", " dot example") if self.random.random() < 0.2 else address
        )

    def _phone(self, number: str) -> str:
        if number.startswith("+33") and self.random.random() < 0.7:
            digits = "0" + number[3:]
            return " ".join(digits[at : at + 2] for at in range(0, 10, 2))
        return number


def _without_accents(name: str) -> str:
    return " ".join(plain(word).capitalize() for word in name.replace("-", " ").split())
