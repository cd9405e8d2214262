"""STOP in French and English, in one word or in free ones: what a text asks us to leave off. Pure.

Only what the writer said himself is read, not what his program quotes below. A text is

    a STOP       "STOP", "Désabonner, merci", "arrêtez de m'écrire svp", "please don't text me again"
    unsure       a condition or a cry ("Stop! You have the wrong person"): a person looks, nothing is changed
    none         everything else: "n'arrêtez pas de m'écrire", "the bus stop", and the end of a contract ("je veux
                 arrêter mon abonnement"), which is a complaint like any other

It holds for the channel that it was written on, for those that it names ("ne m'appelez plus" is about the telephone),
or for everything ("plus jamais", "in any way", "leave me alone").
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

READ = 2000  # characters
WRAPPED = 55  # a line of so many characters may have been broken by the program
GREETINGS = frozenset("bonjour bonsoir salut hello hi hey madame monsieur dear sir team".split())
COURTESY = re.compile(
    r"\b(?:s il (?:vous|te) plait|svp|stp|merci(?: beaucoup| d avance)?|please|pls|plz|thanks|thank you|bonjour|"
    r"bonsoir|hello|hi|cordialement|now|maintenant|immediatement|immediately|tout de suite|right away)\b"
)
WORDS = frozenset(
    line.strip()
    for line in """
        stop
        stopall
        stop mail
        stop mails
        stop email
        stop emails
        stop sms
        stop pub
        stop call
        stop calls
        stop messages
        stop texts
        stop it
        arret
        arreter
        arretez
        desabonner
        desabonnement
        desabonnez moi
        me desabonner
        se desabonner
        je me desabonne
        desinscrire
        desinscription
        desinscrivez moi
        me desinscrire
        se desinscrire
        ne m ecrivez plus
        ne plus m ecrire
        ne me contactez plus
        ne plus me contacter
        unsubscribe
        unsubscribe me
        remove me
        opt out
        opt me out
        optout
        quit
        end
        revoke
        stop contacting me
        stop writing to me
        do not contact me
        don t contact me
    """.strip().splitlines()
)
_SHORT_CODE = re.compile(r"stop(?: (?:sms|pub|mail))?(?: au)?(?: \d{5})?")

_NOUN = (
    r"(?:messages?|mails?|e mails?|emails?|courriels?|sms|textos?|texts?|text messages?|whatsapps?|courriers?|lettres?|"
    r"letters?|appels?|calls?|pubs?|publicites?|newsletters?|notifications?|relances?|communications?|sollicitations?|"
    r"spams?|messages? (?:vocaux|prives?))"
)
_FEW = r"(?:(?:de|d|des|du|vos|votre|ces|cette|tous|toutes|tout|autant|aucun|aucune|le|la|les|leurs?|a|aux)\s)*"
_ANY = r"(?:(?:any|more|further|your|these|those|all|such|other|of|the|anymore|so|many|a|another|your stupid)\s)*"
_TO_ME = r"(?:m |me |nous )"
_FR_INF = (
    r"(?:ecrire|contacter|recontacter|joindre|solliciter|relancer|harceler|deranger|embeter|importuner|spammer|"
    r"appeler|rappeler|telephoner|mailer|texter|demarcher)"
)
_FR_IMP = (
    r"(?:ecrivez|ecris|contactez|contacte|recontactez|recontacte|sollicitez|relancez|harcelez|derangez|importunez|"
    r"spammez|appelez|appelle|rappelez|telephonez|telephone|demarchez|textez)"
)
_FR_SEND = rf"(?:envoyer|envoyez|envoie) (?:{_FEW}{_NOUN}|plus rien|rien|quoi que ce soit)"
_FR_NO_MORE = r"(?:plus jamais|jamais plus|plus du tout|plus)(?! qu(?:e|\b))"
_EN_ING = (
    r"(?:writing|texting|messaging|emailing|e mailing|mailing|calling|contacting|phoning|bothering|spamming|harassing|"
    r"pestering|ringing|sms ing|whatsapping)"
)
_EN_VERB = r"(?:write|text|message|email|e mail|mail|call|contact|phone|bother|spam|ring|harass|pester|whatsapp)"
_EN_TAIL = (
    r"(?:\s(?:again|anymore|any more|any longer|ever|ever again|at all|please|in any way|by any means|in future|"
    r"on (?:this|my) (?:number|phone|address|mail|email)|(?:by|via|on|over) (?:the )?\w+))*$"
)
_LISTS = r"(?:listes?|fichiers?|bases?(?: de donnees)?|mailings?|lists?|mailing lists?|databases?|files?|records)"
_MINE = (
    r"(?:moi|me|us|mon (?:numero|mail|adresse|nom|contact|e mail|email)|mes (?:coordonnees|donnees)|"
    r"my (?:number|name|e mail|email|mail|address|details|contact|phone number))"
)

_SENTENCES = (
    # French
    rf"(?<!\bn )(?<!\bne )(?<!\bavez )(?<!\bont )(?<!\ba )(?:arretez|arreter|arrete|cessez|cesser|cesse|stoppez|stop)"
    rf" (?:\w+ )?(?:de |d ){_TO_ME}(?:{_FR_INF}|{_FR_SEND})",
    rf"(?:arretez|arreter|cessez|stoppez|stop) (?:avec |a |aux |de nous |)(?:vos|tous vos|tous ces|ces|les|aux) {_NOUN}$",
    rf"(?<!\bvous )(?<!\bpourquoi )(?:ne ){_TO_ME}{_FR_IMP} {_FR_NO_MORE}",
    rf"(?<!\bvous )(?<!\bpourquoi )(?:ne ){_TO_ME}(?:envoyez|envoie) {_FR_NO_MORE}(?: rien| {_FEW}{_NOUN}|$)",
    rf"^{_TO_ME}{_FR_IMP} {_FR_NO_MORE}",
    rf"(?<!\bvous )(?:ne ){_TO_ME}{_FR_IMP} pas$",
    rf"\bne {_FR_NO_MORE} {_TO_ME}(?:{_FR_INF}(?! que\b)|{_FR_SEND})",
    rf"\bne {_FR_NO_MORE} (?:etre (?:contacte|derange|sollicite|appele|recontacte|demarche)\w*|recevoir (?:{_FEW}{_NOUN}|rien))",
    rf"\bje (?:ne )?(?:veux|souhaite|desire|voudrais) (?:surtout )?{_FR_NO_MORE} "
    rf"(?:rien recevoir|recevoir (?:{_FEW}{_NOUN}|rien)|etre (?:contacte|derange|sollicite|appele|recontacte)\w*|"
    rf"{_FEW}{_NOUN}|entendre parler de vous|avoir (?:{_FEW}{_NOUN}|de vos nouvelles)|"
    rf"que (?:vous|l on|on) (?:m|me) (?:contact|ecriv|appel|envoy)\w+)",
    rf"\b(?:desabonn|desinscri)\w+ (?:moi )?(?:de )?(?:votre|vos|la|cette|toutes vos|tous vos|ces|les) (?:{_NOUN}|{_LISTS})",
    r"\b(?:laissez|laisse|lachez|foutez|fichez) moi (?:tranquille|en paix|la paix)",
    rf"\b(?:retirez|supprimez|effacez|enlevez|rayez|otez) {_MINE}(?: \w+)? de (?:vos|votre|la|cette|ces|toutes vos) {_LISTS}",
    # English
    rf"(?<!don t )(?<!\bnot )(?<!\bnever )(?<!did you )(?<!why you )(?<!\bhave )(?:stop|quit|cease) "
    rf"(?:{_EN_ING} (?:to )?(?:me|us)\b|sending (?:me |us )?{_ANY}{_NOUN}|(?:with )?(?:the|your|these|all these) {_NOUN}$)",
    rf"^(?:no more) (?:{_EN_ING}|{_NOUN})$",
    rf"(?<!\byou )(?<!\bthey )(?<!\bwhy )(?<!\bwe )(?<!\bi )\b(?:don t|dont|do not|never|please not)(?: you| ever| please)? "
    rf"(?:{_EN_VERB} (?:to )?(?:me|us|this number)|send (?:me |us )?{_ANY}{_NOUN}|send me anything){_EN_TAIL}",
    rf"\b(?:don t|dont|do not|no longer|never) (?:ever )?(?:want|wish|like) "
    rf"(?:to (?:receive|get|have) (?:{_ANY}{_NOUN}|anything from you)|to be (?:contacted|texted|called|emailed|messaged)|"
    rf"to hear (?:anything )?from you|(?:any more|more|any|your) {_NOUN}|you to (?:ever )?{_EN_VERB} (?:to )?me)",
    rf"\b(?:take|remove|delete|strike) {_MINE}(?: \w+)? (?:off|from|out of) (?:your|this|the|all|all your) (?:\w+ )?{_LISTS}",
    rf"\bunsubscribe (?:me )?from (?:your|this|these|all|the)(?: \w+)? (?:{_NOUN}|{_LISTS})",
    rf"\bopt (?:me )?out of (?:your|these|all|the|this)(?: \w+)? {_NOUN}",
    r"\bleave me alone\b",
    r"\blose my number\b",
)
_TURN = re.compile(r"\b(?:si|if|unless|sauf|until|till|tant que|tant qu|avant|before|sinon|otherwise|jusqu a|except)\b")
_ALL = re.compile(
    r"plus jamais|jamais plus|aucun moyen|quelque moyen|any way|any means|entendre parler|hear (?:anything )?from you|"
    r"leave me alone|lose my number|(?:tranquille|paix)|ever again|de vos nouvelles"
)
_CHANNELS = {
    "phone": re.compile(r"\b(?:appel\w*|rappel\w*|telephon\w*|call\w*|phon\w+|ring\w*)\b"),
    "sms": re.compile(r"\b(?:sms|text\w*)\b"),
    "whatsapp": re.compile(r"\bwhatsapp\w*\b"),
    "letter": re.compile(r"\b(?:courriers?|lettres?|letters?|par la poste|by post)\b"),
    "email": re.compile(r"\b(?:e mail\w*|email\w*|mails?|mailing|mailer|courriels?)\b"),
}
_BY = re.compile(r"^(?: (?:again|anymore|any more|please))?(?: (?:par|by|via|sur|on|over)(?: (?:the|le|la))? \w+)?")
_QUOTE = re.compile(
    r"^\s*(?:>|-{4,}|_{6,}|(?:le|on)\b.{4,120}\b(?:a ecrit|a écrit|wrote)\s*:?\s*$|(?:de|from|von)\s*:\s.+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Stop:
    """What a text asks to leave off. `channels` are those it names; without any it means the one it was written on.

    `unsure`: it may be meant so; a person looks.
    """

    said: bool = False
    unsure: bool = False
    everything: bool = False
    channels: frozenset[str] = frozenset()


NOTHING = Stop()


def read_stop(text: str) -> Stop:
    """What a text asks us to leave off."""
    lines = own_lines(text[:READ])
    if _says_only_stop(lines):
        return Stop(said=True, everything=any(word in lines[-1].split() for word in ("stopall", "tout", "all")))
    clauses = [(clause, whole) for whole in _sentences(lines) for clause in _clauses(whole)]
    found = [(clause, match, whole) for clause, whole in clauses if (match := _asks(clause)) is not None]
    sure = [(clause, match) for clause, match, whole in found if not _TURN.search(_plain(whole))]
    if sure:
        spans = [match.group(0) + _rest(clause, match) for clause, match in sure]
        everything = any(_ALL.search(clause) for clause, _ in sure)
        named = frozenset(name for span in spans for name, form in _CHANNELS.items() if form.search(span))
        return Stop(said=True, everything=everything and not named, channels=named)
    cried = any(_bare(clause) in WORDS for clause, _ in clauses)
    return Stop(unsure=True) if found or cried else NOTHING


def is_stop(text: str) -> bool:
    """Whether a text asks us to write no more."""
    return read_stop(text).said


def own_lines(text: str) -> list[str]:
    """The lines that the writer wrote himself: above what his program quotes, without empty ones."""
    found: list[str] = []
    for line in text.splitlines():
        if _QUOTE.match(line):
            break
        if line.strip():
            found.append(line.strip())
    return found


def _says_only_stop(lines: list[str]) -> bool:
    """Whether the first line that is no greeting is a word of the list."""
    for line in lines[:3]:
        words = _plain(line)
        if words and set(words.split()) <= GREETINGS:
            continue
        bare = _bare(words)
        return bare in WORDS or bare in ("stop all", "stop tout") or bool(_SHORT_CODE.fullmatch(bare))
    return False


def _sentences(lines: list[str]) -> list[str]:
    """The sentences of these lines; one that a program broke goes on in the next line."""
    text = ""
    for line in lines:
        goes_on = line[0].islower() or len(text.rpartition("\n")[2]) >= WRAPPED
        text += (" " if goes_on else "\n") + line
    return [part for part in re.split(r"[.!?;…\n]+", text) if part.strip()]


def _clauses(sentence: str) -> list[str]:
    return [plain for part in re.split(r"[,:]+", sentence) if (plain := _plain(part))]


def _asks(sentence: str) -> re.Match[str] | None:
    bare = _bare(sentence)
    return next((match for form in _forms() if (match := form.search(bare)) is not None), None)


def _rest(sentence: str, match: re.Match[str]) -> str:
    """ "par téléphone", "by text": what follows at once and says on which channel."""
    found = _BY.match(_bare(sentence)[match.end() :])
    return found.group(0) if found else ""


@cache
def _forms() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(form) for form in _SENTENCES)


def _plain(text: str) -> str:
    """Small letters and digits without accents, words apart by one space."""
    signs = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    words = re.sub(r"[^a-z0-9]+", " ", "".join(sign for sign in signs if not unicodedata.combining(sign)))
    return words.strip()


def _bare(plain: str) -> str:
    return " ".join(COURTESY.sub(" ", plain).split())
