"""What the measurements are made with: terms, texts, frames, posts and files, the same at every run."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domain.post import Upsert
from listeners.mastodon.status import remap

START = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
POSTS = "app.bsky.feed.post"
MATCHING = 0.004
ROWS_A_GROUP = 20_000

_BRANDS = """
    Hirondelle Velonda Marquisol Brévanne Ostrelia Kellmont Fauvetel Nordalis Pixerre Tramoline Cévania Lunéor
    Dalvigne Ferrolia Quintessor Aubrelle Solmarque Vertigis Carondelle Mirévo Zéphirel Opalune Grandval Istrelle
    Ravelin Corsaire Belcastel Thymélia Argentel Pontivy Sauvigny Tournefeuille Valmonde Escarpel Florimond Gaspardel
    Hélianthe Joncquière Lavandou Mérovel
"""
_FORMS = ("{}", "{} Mobile", "colis {}", "relais {}", "@{}Aide", "#{}", "service client {}")
_PHRASES = """
    colis perdu, jamais livré, livreur absent, point relais fermé, remboursement refusé, box en panne, fibre coupée,
    facture double, technicien absent, service clients injoignable, parcel lost, never delivered, wrong address,
    refund refused, charged twice, router broken, no signal, paquet endommagé, suivi bloqué, avis de passage
"""
_WORDS = {
    "fr": """je tu il elle on nous vous le la les un une des de du et ou mais donc car pas plus très bien mal encore
        toujours jamais rien tout demain hier matin soir maison ville train chat chien café pluie soleil livre film
        musique match travail école enfants amis merci vraiment peut-être pourquoi comment c'est j'ai qu'on n'est
        élection journée télé été forêt préféré déjà après à où ça voilà bonjour coucou photo dessin projet idée""",
    "en": """the a of to and in is it you that was for on are with as they be at one have this from or had by not but
        what all were when we there can an your which said if will each about how up out them then she many some so
        these would other into has more two like him see time could no make than first been its who now people my
        made over did down only way find use may water long little very after words called just where most know""",
    "es": """el la los las un una de que y a en por con no se lo como más pero sus le ya o este sí porque esta entre
        cuando muy sin sobre también me hasta hay donde quien desde todo nos durante días uno les ni contra otros ese
        eso ante ellos e esto mí antes algunos qué unos yo otro otras otra él tanto esa estos mucho quienes nada año""",
    "de": """der die das und ich nicht ist es ein eine zu in den mit auf für von sich dem auch als wie im hat noch nur
        nach bei aus wenn oder werden mehr kann wird schon über immer wieder heute morgen Abend Haus Stadt Zug Katze
        Hund Kaffee Regen Sonne Buch Film Musik Spiel Arbeit Schule Kinder Freunde danke wirklich vielleicht schön""",
    "pt": """o a os as um uma de que e do da em não com para se na por mais mas foi ao ele das tem à seu sua ou ser
        quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus quem""",
    "ja": """今日は とても いい 天気 です ね 明日 の 会議 を 忘れない で 猫 が かわいい 写真 ありがとう
        おやすみ ゲーム 配信 します 新しい 絵 を 描きました 楽しい 一日 でした 電車 遅れて いる 雨 本 読む 映画 見た""",
    "ko": """오늘 날씨가 정말 좋아요 내일 회의 고양이 사진 감사합니다 안녕하세요 게임 방송
        새로운 그림 그렸어요 영화 봤어요""",
}
_SHARES = {"en": 45, "ja": 18, "fr": 13, "es": 7, "pt": 7, "de": 7, "ko": 3}
_SIGNS = ("😀", "😂", "🔥", "❤️", "✨", "🙏", "😭", "👍", "🐦", "☕")
_NAMES = "Alice Bruno Chloé David Émile Fatou Gaël Hugo Inès Jade Karim Léa Manon Nadia Oscar Paul Rosa Sami Théo Zoé"
_PLACES = "Paris Lyon Lille Nantes Rennes Brest Albi Tours Metz Dijon Berlin Madrid Lisboa London Osaka Seoul"


def terms() -> tuple[str, ...]:
    """Three hundred things to listen for: names with what people write beside them, and complaints."""
    named = tuple(form.format(brand) for form in _FORMS for brand in _BRANDS.split())
    return (*named, *(phrase.strip() for phrase in _PHRASES.split(",")))


class Texts:
    """Short texts in the languages of a public network; `MATCHING` of them hold one of the terms, somehow written."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._terms = terms()
        self._words = {lang: words.split() for lang, words in _WORDS.items()}
        self._langs, self._weights = list(_SHARES), list(_SHARES.values())

    def next(self) -> tuple[str, str]:
        """A language and a text."""
        chance = self.random.random
        lang = self.random.choices(self._langs, self._weights)[0]
        words = self.random.choices(self._words[lang], k=max(2, min(60, int(self.random.lognormvariate(2.5, 0.8)))))
        if chance() < MATCHING:
            words[self.random.randrange(len(words))] = self._written(self.random.choice(self._terms))
        if chance() < 0.3:
            words.append(self.random.choice(_SIGNS))
        if chance() < 0.1:
            words.append(f"#{self.random.choice(self._words[lang]).capitalize()}")
        if chance() < 0.08:
            words.append(f"https://news.example/{self.random.getrandbits(40):x}")
        text = ("" if lang == "ja" else " ").join(words)
        return lang, text[:1].upper() + text[1:] + self.random.choice((".", "!", " ?", "", "…"))

    def _written(self, term: str) -> str:
        return self.random.choice((term, term, term.lower(), term.upper(), f"« {term} »", f"{term},"))


# --- frames of a Jetstream -----------------------------------------------------------------------


def frames(count: int, version: int, seed: int = 1) -> list[bytes]:
    """Two thirds new posts, else likes, reposts, follows, deletions, edits, and news of accounts."""
    texts = Texts(seed)
    kinds = ("post", "like", "repost", "follow", "delete", "update", "identity", "account")
    told = texts.random.choices(kinds, (66, 18, 4, 4, 4, 1, 2, 1), k=count)
    return [_frame(texts, kind, number, version) for number, kind in enumerate(told)]


def _frame(texts: Texts, kind: str, number: int, version: int) -> bytes:
    did = f"did:plc:{texts.random.getrandbits(120):024x}"[:32]
    at = START + timedelta(milliseconds=number)
    if kind in ("identity", "account"):
        inside = {"did": did, "seq": number, "time": _iso(at)}
        inside |= {"handle": f"user{number}.bsky.example"} if kind == "identity" else {"active": number % 3 > 0}
        return _packed(kind, did, at, number, {kind: inside}, version)
    commit = _commit(texts, kind, at)
    return _packed("commit", did, at, number, {"commit": commit} if version == 1 else commit, version)


def _commit(texts: Texts, kind: str, at: datetime) -> dict[str, Any]:
    key = f"3m{texts.random.getrandbits(54):011x}"
    collections = {"like": "app.bsky.feed.like", "repost": "app.bsky.feed.repost", "follow": "app.bsky.graph.follow"}
    collection = collections.get(kind, POSTS)
    operation = kind if kind in ("delete", "update") else "create"
    commit = {"rev": key, "operation": operation, "collection": collection, "rkey": key}
    if operation == "delete":
        return commit
    record = _post_record(texts, at) if collection == POSTS else _other_record(texts, collection, at)
    return commit | {"record": record, "cid": f"bafyrei{texts.random.getrandbits(250):052x}"}


def _post_record(texts: Texts, at: datetime) -> dict[str, Any]:
    lang, text = texts.next()
    record: dict[str, Any] = {"$type": POSTS, "createdAt": _iso(at), "langs": [lang], "text": text}
    if texts.random.random() < 0.4:
        record["reply"] = {"parent": _reference(texts), "root": _reference(texts)}
    if texts.random.random() < 0.25:
        size = {"height": 1200, "width": 900}
        blob = {"$type": "blob", "ref": {"$link": f"bafkrei{texts.random.getrandbits(250):052x}"}}
        image = {"alt": "", "aspectRatio": size, "image": blob | {"mimeType": "image/jpeg", "size": 301_455}}
        record["embed"] = {"$type": "app.bsky.embed.images", "images": [image]}
    return record


def _other_record(texts: Texts, collection: str, at: datetime) -> dict[str, Any]:
    subject = f"did:plc:{texts.random.getrandbits(96):024x}" if collection.endswith("follow") else _reference(texts)
    return {"$type": collection, "createdAt": _iso(at), "subject": subject}


def _reference(texts: Texts) -> dict[str, str]:
    bits = texts.random.getrandbits
    return {
        "cid": f"bafyrei{bits(250):052x}"[:59],
        "uri": f"at://did:plc:{bits(96):024x}/{POSTS}/3m{bits(54):011x}",
    }


def _packed(kind: str, did: str, at: datetime, number: int, inside: dict[str, Any], version: int) -> bytes:
    if version == 1:
        frame = {"did": did, "time_us": int(at.timestamp() * 1e6), "kind": kind, **inside}
    else:
        name = f"network.bsky.jetstream.subscribeEvents#{kind}"
        place = {"did": did, "seq": number + 1, "time": _iso(at), "witnessedAt": _iso(at)}
        frame = {"$type": "message", "payload": {"$type": name, **place, **inside}}
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- posts and files -----------------------------------------------------------------------------


def upserts(count: int, seed: int = 2) -> list[Upsert]:
    """Posts of a Mastodon server with what it told of them (about 2 KB each), by a third as many authors."""
    texts = Texts(seed)
    return [_upsert(texts, number, count) for number in range(count)]


def _upsert(texts: Texts, number: int, count: int) -> Upsert:
    lang, text = texts.next()
    answers = number > 10 and texts.random.random() < 0.3
    parent = str(_FIRST + number - texts.random.randint(1, 10)) if answers else None
    status: dict[str, Any] = {
        "id": str(_FIRST + number),
        "created_at": _iso(START + timedelta(seconds=number)),
        "in_reply_to_id": parent,
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": lang,
        "uri": f"https://social.example/users/u/statuses/{_FIRST + number}",
        "url": f"https://social.example/@u/{_FIRST + number}",
        "replies_count": texts.random.randrange(5),
        "reblogs_count": texts.random.randrange(9),
        "favourites_count": texts.random.randrange(40),
        "edited_at": None,
        "content": f"<p>{text}</p>",
        "reblog": None,
        "application": {"name": "Web", "website": None},
        "account": _account(texts.random.randrange(max(1, count // 3))),
        "media_attachments": [],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": None,
        "poll": None,
    }
    above = [[parent, f"https://social.example/users/u/statuses/{parent}"]] if parent else []
    raw = {"status": status, "host": "social.example", "above": above}
    return Upsert(remap(raw), raw)


_FIRST = 117_545_643_361_613_482


def _account(number: int) -> dict[str, Any]:
    name, place = _NAMES.split()[number % 20], _PLACES.split()[number % 16]
    handle = f"{name.lower()}_{number}"
    return {
        "id": str(108_000_000_000_000_000 + number),
        "username": handle,
        "acct": handle,
        "display_name": f"{name} {number}",
        "locked": False,
        "bot": False,
        "discoverable": True,
        "group": False,
        "created_at": _iso(START - timedelta(days=100 + number % 2000)),
        "note": f"<p>{place}, café, livres, vélo. Mes mots n'engagent que moi.</p>",
        "url": f"https://social.example/@{handle}",
        "uri": f"https://social.example/users/{handle}",
        "avatar": f"https://files.social.example/accounts/avatars/{number:09d}/original/a.png",
        "header": f"https://files.social.example/accounts/headers/{number:09d}/original/h.png",
        "followers_count": number % 3000,
        "following_count": number % 700,
        "statuses_count": number % 9000,
        "last_status_at": "2026-11-16",
        "emojis": [],
        "fields": [{"name": "Site", "value": f"https://{handle}.example", "verified_at": None}],
    }


def rows(count: int, seed: int = 3) -> Iterator[dict[str, Any]]:
    """Rows of a posts file as listening tools export them."""
    texts = Texts(seed)
    names, places = _NAMES.split(), _PLACES.split()
    for number in range(count):
        lang, text = texts.next()
        who = texts.random.randrange(max(1, count // 3))
        network = ("x", "mastodon", "reddit", "forum")[who % 4]
        answers = number > 40 and texts.random.random() < 0.25
        yield {
            "network": network,
            "id": str(2_117_177_590_000_000_000 + number),
            "text": text,
            "created_at": START + timedelta(seconds=number // 10),
            "url": f"https://{network}.example/{who}/status/{number}",
            "lang": lang,
            "reply_to": str(2_117_177_590_000_000_000 + number - 4 * texts.random.randint(1, 9)) if answers else None,
            "likes": texts.random.randrange(100),
            "reposts": texts.random.randrange(9),
            "replies": texts.random.randrange(5),
            "sentiment_of_vendor": texts.random.choice(("positive", "neutral", "negative")),
            "author.id": str(10_000 + who),
            "author.handle": f"{names[who % 20].lower()}_{who}",
            "author.name": f"{names[who % 20]} {who}",
            "author.bio": f"{places[who % 16]}, café, livres, vélo",
            "author.location": places[who % 16],
            "author.followers": who % 3000,
            "author.created_at": START - timedelta(days=100 + who % 2000),
        }


def write_parquet(path: Path, count: int) -> None:
    """`rows` as a Parquet file."""
    import pyarrow as arrow
    from pyarrow import parquet

    told = rows(count)
    first = arrow.Table.from_pylist([row for row, _ in zip(told, range(min(ROWS_A_GROUP, count)), strict=False)])
    with parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        while part := [row for row, _ in zip(told, range(ROWS_A_GROUP), strict=False)]:
            writer.write_table(arrow.Table.from_pylist(part, schema=first.schema))


def write_jsonl(path: Path, count: int, of: int) -> None:
    """The first `count` of `of` rows as JSON Lines, each with its author as an object."""
    with path.open("w", encoding="utf-8") as stream:
        for row, _ in zip(rows(of), range(count), strict=False):
            author = {key.removeprefix("author."): row.pop(key) for key in list(row) if key.startswith("author.")}
            stream.write(json.dumps({**row, "author": author}, ensure_ascii=False, default=_iso) + "\n")
