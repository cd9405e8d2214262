"""The ways in which people write, put on a clean text: no accents, no capitals, short forms, slips of the finger."""

import random
import re

from models.text import fold

SHORT_FR = {
    "pourquoi": "pk", "parce que": "pcq", "c'est": "c", "quand": "qd", "beaucoup": "bcp", "toujours": "tjrs",
    "vous": "vs", "nous": "ns", "dans": "ds", "avec": "avc", "que": "q", "quoi": "koi", "je suis": "chui",
    "j'ai": "g", "pas": "pa", "plus": "+", "s'il vous plait": "svp", "rendez-vous": "rdv", "service client": "sav",
    "tout": "tt", "tous": "ts", "pour": "pr", "maintenant": "mtn", "même": "mm", "jamais": "jms", "ne ": "",
    "problème": "pb", "téléphone": "tel", "ordinateur": "ordi", "message": "msg", "moi": "mwa", "bonjour": "bjr",
}  # fmt: skip
SHORT_EN = {
    "you": "u", "are": "r", "your": "ur", "please": "pls", "because": "cuz", "tomorrow": "tmrw", "to": "2",
    "for": "4", "what": "wat", "the": "da", "with": "w/", "thanks": "thx", "people": "ppl", "customer service": "cs",
    "going to": "gonna", "message": "msg", "though": "tho", "i don't know": "idk", "don't": "dont", "can't": "cant",
}  # fmt: skip


HASHTAGS = ("fail", "help", "lundi", "monday", "vdm", "news", "jpp", "wtf", "paris", "love")


def noisy(text: str, lang: str, dice: random.Random) -> str:
    """One or two of the ways, by the dice."""
    ways = [_no_accents, _lower, _upper, lambda t: _short(t, lang, dice), lambda t: _slips(t, dice), _no_signs]
    for way in dice.choices(ways, weights=(4, 3, 1, 4, 4, 2), k=dice.choice((1, 2))):
        text = way(text)
    return text


def coded(text: str, dice: random.Random) -> str:
    """With an order number, as customers add one."""
    code = "".join(dice.choices("ABCDFHLMRSTX", k=dice.randint(0, 2))) + "".join(dice.choices("0123456789", k=10))
    called = dice.choice(("", "", "n° ", "order ", "commande ", "ref ", "colis "))
    return dice.choice((f"{text} {called}{code}", f"{called}{code} {text}"))


def dressed(text: str, dice: random.Random) -> str:
    """As a tweet: to somebody, with a link or a hashtag; or without any of it."""
    bare = re.sub(r"^(?:@\w+\s+)+", "", text)
    choices = (bare, f"@user {bare}", f"@user @user {bare}", f"{text} http", f"{text} #{dice.choice(HASHTAGS)}")
    return dice.choices(choices, weights=(2, 5, 1, 2, 1))[0]


def _no_accents(text: str) -> str:
    return fold(text)


def _lower(text: str) -> str:
    return text.lower()


def _upper(text: str) -> str:
    return text.upper()


def _no_signs(text: str) -> str:
    return re.sub(r"[.,;:!?]+", "", text)


def _short(text: str, lang: str, dice: random.Random) -> str:
    for long, short in (SHORT_FR if lang == "fr" else SHORT_EN).items():
        if dice.random() < 0.6:
            text = re.sub(rf"\b{re.escape(long)}\b", short, text, flags=re.IGNORECASE)
    return text


def _slips(text: str, dice: random.Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 40)):
        at = dice.randrange(max(len(letters) - 1, 1))
        if letters[at : at + 2] and all(letter.isalpha() for letter in letters[at : at + 2]):
            letters[at : at + 2] = dice.choice(
                (letters[at + 1 : at + 2], letters[at : at + 2][::-1], [letters[at]] * 2)
            )
    return "".join(letters)
