"""What a mail says, whoever wrote it and however; and what a mailbox of the settings means."""

import json
import random
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from domain.brand import Brand
from domain.errors import Misconfigured
from domain.post import Post
from listeners.base import Around
from listeners.mailbox.listener import MailboxListener, MailboxSettings
from listeners.mailbox.mime import READ_BYTES, reduced
from listeners.mailbox.posts import mail_post
from listeners.mailbox.trust import is_authenticated
from listeners.mailbox.words import own_html, own_words
from listeners.values import BadRow

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
MX = "mx.hirondelle.example"
PLAIN = "Message-ID: <m1@example.org>\nFrom: Ana <Ana@Example.org>\nDate: Mon, 2 Nov 2026 10:00:00 +0100\n"


def read(content: bytes | str, trusted: str = MX) -> Post:
    data = content if isinstance(content, bytes) else content.replace("\n", "\r\n").encode()
    raw = reduced(data[:READ_BYTES], NOW, trusted)
    assert mail_post(json.loads(json.dumps(raw))) == mail_post(raw)
    return mail_post(raw)


def mail(headers: str = "", body: str = "Colis perdu") -> Post:
    return read(f"{PLAIN}{headers}\n{body}\n")


# --- who, when, in which conversation ------------------------------------------------------------


def test_a_mail_is_a_post_of_its_sender() -> None:
    post = mail("Subject: Mon colis\n")
    assert (post.network, post.id, post.text) == ("email", "m1@example.org", "Mon colis\n\nColis perdu")
    assert post.author is not None
    assert (post.author.id, post.author.handle, post.author.name) == ("ana@example.org", "ana@example.org", "Ana")
    assert post.created_at == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert post.attributes == {"title": "Mon colis", "authenticated": False}


def test_an_answer_knows_what_it_answers_and_its_conversation() -> None:
    post = mail(
        "In-Reply-To: <b@x.example>\nReferences: <a@x.example> <c@x.example>\n <b@x.example>\nSubject: RE : Mon colis\n"
    )
    assert (post.reply_to, post.conversation) == ("b@x.example", "a@x.example")
    assert post.attributes["references"] == ["a@x.example", "c@x.example", "b@x.example"]
    assert post.text == "Colis perdu"
    assert post.attributes["title"] == "RE : Mon colis"
    assert mail("References: <a@x.example> <b@x.example>\n").reply_to == "b@x.example"
    assert mail("In-Reply-To: <m1@example.org>\n").reply_to is None


@pytest.mark.parametrize("subject", ["Re: x", "RE : x", "Ré: x", "re[2]: x", "Re: RE : x", "Rép : x", "AW: x"])
def test_the_subject_of_an_answer_is_not_said_again(subject: str) -> None:
    assert mail(f"Subject: {subject}\n").text == "Colis perdu"


@pytest.mark.parametrize("subject", ["Refund: x", "Tr : x", "Fwd: x", "Reclamation", "Retard: x"])
def test_any_other_subject_is(subject: str) -> None:
    assert mail(f"Subject: {subject}\n").text == f"{subject}\n\nColis perdu"


@pytest.mark.parametrize(
    "date", ["", "Date: tomorrow\n", "Date: Mon, 2 Nov 1926 10:00:00 +0000\n", "Date: Fri, 6 Nov 2026 10:00:00 +0000\n"]
)
def test_a_date_that_cannot_be_is_that_of_the_server(date: str) -> None:
    assert read(f"From: a@example.org\n{date}\nx").created_at == NOW


def test_a_mail_without_an_id_has_the_same_one_each_time() -> None:
    one, again, other = (read(f"From: a@example.org\n\n{words}") for words in ("x", "x", "y"))
    assert one.id == again.id != other.id
    assert one.id.startswith("sha256:")
    assert read("From: a@example.org\nMessage-ID: bare@id.example\n\nx").id == "bare@id.example"


def test_words_in_headers_are_read_in_their_charset() -> None:
    post = read(
        b"From: =?utf-8?q?Zo=C3=A9?= =?iso-8859-1?q?_L=E9on?= <z@example.org>\r\nSubject: \xe9t\xe9 =?utf-8?b?w6k=?= =?no-such?q?x?=\r\n\r\nx"
    )
    assert post.author is not None
    assert post.author.name == "Zoé Léon"
    assert post.attributes["title"].startswith("été é")


# --- what was said -------------------------------------------------------------------------------


def parts(plain: str | None, html: str | None, files: tuple[tuple[str, bytes], ...] = ()) -> Post:
    made = EmailMessage()
    made["From"], made["Message-ID"], made["Subject"] = "ana@example.org", "<m@example.org>", "Re: x"
    if plain is not None:
        made.set_content(plain)
    if html is not None:
        made.add_alternative(html, subtype="html") if plain is not None else made.set_content(html, subtype="html")
    for name, data in files:
        made.add_attachment(data, maintype="image", subtype="jpeg", filename=name)
    return read(made.as_bytes())


def test_plain_words_go_before_html() -> None:
    assert parts("simple", "<p>riche</p>").text == "simple"
    assert parts(" \n", "<p>riche</p>").text == "riche"
    assert parts(None, "<style>p {}</style><p>Bonjour &amp; merci</p><p>Ana</p>").text == "Bonjour & merci\n\nAna"


def test_files_are_named_and_not_read() -> None:
    post = parts("Voici", None, (("colis.jpg", b"x" * 1000), ("étiquette.jpg", b"y")))
    assert post.attributes["files"] == [{"name": "colis.jpg", "size": 1000}, {"name": "étiquette.jpg", "size": 1}]
    assert parts("", None, (("colis.jpg", b"x"),)).text == "Re: x"


QUOTES = {
    "Le lun. 16 nov. 2026 à 09:30, Hirondelle <care@h.example> a écrit :": True,
    "Le 16/11/2026 à 09:30, care@h.example a écrit\u00a0:": True,
    "On Mon, Nov 16, 2026 at 9:30 AM Hirondelle <care@h.example> wrote:": True,
    "On Monday, 16 November 2026 at 09:30:12 GMT+1, Hirondelle\n<care@h.example> wrote:": True,
    "-----Message d'origine-----": False,
    "-----Original Message-----": False,
    "De : Hirondelle <care@h.example>\nEnvoyé : lundi 16 novembre 2026\nÀ : Ana": False,
    "From: Hirondelle\nSent: Monday\nTo: Ana\nSubject: x": False,
    "________________________________\nDe : Hirondelle\nEnvoyé : lundi": False,
}


@pytest.mark.parametrize("line", list(QUOTES))
def test_the_mail_that_is_answered_is_cut_off(line: str) -> None:
    quoted = "> Bonjour Ana,\n> où en est-on ?" if QUOTES[line] else "Bonjour Ana,\noù en est-on ?"
    assert own_words(f"Toujours rien.\n\n{line}\n\n{quoted}\n") == "Toujours rien."
    assert own_words(f"Toujours rien.\n\n{line}\nBonjour Ana,\noù en est-on ?\n") == "Toujours rien."


def test_answers_between_and_below_the_quoted_lines_stay() -> None:
    text = "Le 16/11/2026, X a écrit :\n> Où ?\nÀ Rennes.\n> Quand ?\nLundi.\n-- \nAna\n06 12 34 56 78"
    assert own_words(text) == "À Rennes.\nLundi."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Merci\n\n-- \nAna Martin\nRennes", "Merci"),
        ("Merci\n\nEnvoyé de mon iPhone", "Merci"),
        ("Merci\nSent from my Galaxy\n\n", "Merci"),
        ("Merci\n\nTélécharger Outlook pour Android", "Merci"),
        ("STOP\n\nLe 16 nov. 2026 à 09:30, X <x@y.example> a écrit :\n> Bonjour", "STOP"),
        ("Le colis est perdu, a écrit le livreur.", "Le colis est perdu, a écrit le livreur."),
        ("De : Rennes\nÀ : Brest\nle colis est perdu", "De : Rennes\nÀ : Brest\nle colis est perdu"),
        ("> tout est cité", "> tout est cité"),
        ("-- \nAna", "-- \nAna"),
        ("", ""),
    ],
)
def test_signatures_go_and_what_was_said_stays(text: str, said: str) -> None:
    assert own_words(text) == said


def test_the_quoted_part_of_an_html_mail_is_cut_off() -> None:
    assert own_html('<div>Non</div><div class="gmail_quote">Le 16…</div>') == "<div>Non</div>"
    assert own_html('<p>Non</p><blockquote type="cite">Bonjour</blockquote>') == "<p>Non</p>"
    assert "Bonjour" in own_html('<blockquote type="cite">Bonjour</blockquote>')
    assert own_html("<p>a<!-- b --><![if mso]>c</p> 1 < 2") == "<p>ac</p> 1 &lt; 2"


# --- mails that no person wrote ------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "X-Autoreply: yes",
        "Precedence: Bulk",
        "Precedence: junk",
        "Return-Path: <>",
    ],
)
def test_an_automatic_mail_says_so(header: str) -> None:
    assert mail(f"{header}\n").attributes["automatic"] is True


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: no", "Precedence: normal", "Return-Path: <ana@example.org>", "List-Id: x"]
)
def test_a_mail_of_a_person_does_not(header: str) -> None:
    assert "automatic" not in mail(f"{header}\n").attributes


def report(status: str = "5.1.1", back: str = "message/rfc822") -> Post:
    return read(f"""\
From: MAILER-DAEMON@mx.example (Mail Delivery System)
Return-Path: <>
Message-ID: <bounce@mx.example>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your message.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; Ana@Example.org
Action: failed
Status: {status}
Diagnostic-Code: smtp; 550 no such user
--b
Content-Type: {back}

From: care@hirondelle.example
Message-ID: <6f0c4b8e@hirondelle.example>
Subject: Votre colis

Bonjour Ana
--b--
""")


@pytest.mark.parametrize("back", ["message/rfc822", "text/rfc822-headers"])
def test_a_report_of_non_delivery_names_mail_recipient_and_status(back: str) -> None:
    post = report(back=back)
    assert post.attributes["kind"] == "bounce"
    assert post.attributes["bounce"] == {
        "status": "5.1.1", "recipient": "ana@example.org", "message_id": "6f0c4b8e@hirondelle.example",
    }  # fmt: skip
    assert post.attributes["automatic"] is True
    assert "Bonjour Ana" not in post.text


def test_a_report_of_something_else_is_automatic_and_no_bounce() -> None:
    assert report("none").attributes.get("kind") is None
    assert report("none").attributes["automatic"] is True


def test_a_daemon_without_an_address_is_nobody() -> None:
    post = read("From: MAILER-DAEMON (Mail Delivery)\nReturn-Path: <>\nMessage-ID: <b@x>\n\nNon remis")
    assert post.author is None


# --- whether From can be believed ----------------------------------------------------------------

GOOD = f"{MX}; dmarc=pass (p=reject) header.from=example.org"


@pytest.mark.parametrize(
    ("results", "proven"),
    [
        ([GOOD], True),
        ([f"{MX} 1; spf=fail smtp.mailfrom=x.example; dkim=pass header.d=example.org; dmarc=pass header.from=example.org"], True),
        ([f"{MX}; spf=pass smtp.mailfrom=ana@example.org; dkim=pass header.d=example.org"], True),
        ([f"{MX}; spf=pass smtp.mailfrom=ana@evil.example; dkim=pass header.d=example.org"], False),
        ([f"{MX}; spf=pass smtp.mailfrom=ana@example.org"], False),
        ([f"{MX}; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=evil.example"], False),
        ([f"{MX}; dmarc=fail header.from=example.org; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org"], False),
        ([f"{MX}; dmarc=none header.from=example.org"], False),
        ([f"{MX}; dmarc=pass header.from=evil.example"], False),
        ([f"{MX}; none"], False),
        (["mx.evil.example; dmarc=pass header.from=example.org"], False),
        ([f"{MX}; dmarc=fail header.from=example.org", GOOD], False),
        (["mx.other.example; dmarc=fail", GOOD], True),
        ([f'{MX}; spf=fail smtp.mailfrom="x; dmarc=pass header.from=example.org"@evil.example'], False),
        ([f"{MX}; spf=fail (sender said ; dmarc=pass header.from=example.org ) smtp.mailfrom=e.example"], False),
        ([f'{MX}; spf=fail (") ; dmarc=pass header.from=example.org ; (") smtp.mailfrom=e.example; dmarc=fail'], False),
        ([f"{MX}; dmarc=pass header.from=example.org; dmarc=fail"], False),
        ([""], False),
        ([], False),
    ],
)  # fmt: skip
def test_only_the_operators_own_server_is_believed(results: list[str], proven: bool) -> None:
    assert is_authenticated(results, MX, "example.org") is proven


def test_no_server_is_trusted_unless_it_is_named() -> None:
    header = f"Authentication-Results: {GOOD}\n"
    assert mail(header).attributes["authenticated"] is True
    assert read(f"{PLAIN}{header}\nx", trusted="").attributes["authenticated"] is False


def test_of_two_senders_nobody_knows_whom_the_server_checked() -> None:
    header = f"Authentication-Results: {GOOD}\n"
    assert mail(f"{header}From: eve@evil.example\n").attributes["authenticated"] is False
    post = read(f"From: ana@example.org, eve@evil.example\n{header}\nx")
    assert post.attributes["authenticated"] is False


# --- hostile mails -------------------------------------------------------------------------------


def refused(content: bytes) -> str:
    with pytest.raises(BadRow) as caught:
        read(content)
    return str(caught.value)


def test_what_is_no_mail_is_refused_with_its_reason() -> None:
    assert refused(b"") == "the mail names no sender"
    assert refused(b"hello\r\n\r\nthere") == "the mail names no sender"
    assert refused(b"From: a@example.org\r\n\r\n \r\n") == "the mail says nothing"
    assert refused(b"From: nobody\r\n\r\nx") == "the mail names no sender"
    assert refused(b"From: " + b"(" * 20_000 + b"\r\n\r\nx")
    assert "headers" in refused(b"X: y\r\n" * 100_000)
    assert "lines" in refused(b"From: a@example.org\r\n\r\n" + b"x\r\n" * 200_000)


def test_parts_in_parts_without_end_are_refused_before_they_cost_anything() -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(500))
    assert "parts" in refused(b"From: a@example.org\r\n" + nested + b"\r\nx")
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000
    assert "parts" in refused(b"From: a@example.org\r\n" + many)
    assert refused(b"From: a@example.org\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 3000 + b"x")
    long = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain" + b";" * 100_000
    assert "Content-Type" in refused(b"From: a@example.org\r\n" + long + b"\r\n\r\nx")


@pytest.mark.parametrize("charset", ["no-such", "hex", "punycode", "utf-7", "rot13", '"\x00"', "utf-8", "ascii", ""])
def test_no_charset_makes_it_fail(charset: str) -> None:
    post = read(f"{PLAIN}Content-Type: text/plain; charset={charset}\n\n".encode() + "Colis été\x00".encode())
    assert post.text.startswith("Colis")
    assert "\x00" not in post.text


def test_what_no_database_takes_is_replaced() -> None:
    post = read(b"From: \xff\x00 <a@example.org>\r\nSubject: \xed\xa0\x80\r\n\r\n\xed\xa0\x80x")
    json.dumps([post.text, dict(post.attributes), post.author and post.author.name]).encode("utf-8")
    assert not any("\ud800" <= sign <= "\udfff" or sign == "\x00" for sign in str(post))


def test_tags_without_an_end_cost_no_time() -> None:
    for piece in (b'<a href="', b"<!--", b"<blockquote ", b"<![CDATA[ > ", b"<!-- > "):
        body = b"Content-Type: text/html\r\n\r\n<p>Bonjour</p>" + piece * 8_000
        assert read(b"From: a@example.org\r\n" + body).text.startswith("Bonjour")


def test_a_broken_mail_is_read_or_refused_and_never_anything_else() -> None:
    chance = random.Random(7)
    whole = report_bytes()
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(chance.randrange(1, 30)):
            place = chance.randrange(len(broken))
            broken[place : place + chance.randrange(3)] = bytes(
                chance.randrange(256) for _ in range(chance.randrange(4))
            )
        try:
            raw = reduced(bytes(broken), NOW, MX)
            mail_post(json.loads(json.dumps(raw)))
        except BadRow:
            continue


def report_bytes() -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"], made["Message-ID"] = "Zoé <z@example.org>", "Été", "<m@example.org>"
    made["References"], made["Date"] = "<a@b.example> <c@d.example>", "Mon, 2 Nov 2026 10:00:00 +0100"
    made["Authentication-Results"] = GOOD
    made.set_content("Colis perdu\n\nLe 16/11/2026, X a écrit :\n> Bonjour\n")
    made.add_alternative("<p>Colis perdu</p>", subtype="html")
    made.add_attachment(b"\x00\x01", maintype="image", subtype="jpeg", filename="é.jpg")
    return made.as_bytes()


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"headers": {}},
        {"headers": {"from": ["a@b.example"]}, "received": "x"},
        {"headers": 1, "received": NOW.isoformat()},
    ],
)
def test_a_stored_mail_that_is_none_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        MailboxListener.remap(raw)


# --- settings ------------------------------------------------------------------------------------


def around(**secrets: str) -> Around:
    from pathlib import Path

    return Around(Brand(id="hirondelle"), lambda: NOW, secrets.get, Path)


def test_a_mailbox_is_off_until_it_is_configured() -> None:
    assert list(MailboxListener.sources(MailboxSettings(), around())) == []


def test_a_mailbox_is_one_source_of_its_brand() -> None:
    settings = MailboxSettings(host="imap.example", username="care", password_env="P", folder="Clients")
    [source] = MailboxListener.sources(settings, around(P="secret"))
    assert (source.name, source.query) == ("mailbox imap.example", "Clients")
    assert "secret" not in repr(source)
    other = settings.model_copy(update={"brand": "mesange"})
    assert list(MailboxListener.sources(other, around(P="secret"))) == []


def test_a_mailbox_without_its_password_is_told() -> None:
    settings = MailboxSettings(host="imap.example", username="care", password_env="P")
    with pytest.raises(Misconfigured, match="password_env"):
        list(MailboxListener.sources(settings, around()))


def test_a_first_run_asks_by_day_as_imap_writes_it() -> None:
    from listeners.mailbox.listener import _Place
    from listeners.mailbox.session import Access

    listener = MailboxListener(Access("localhost", "care", "p", 143, "none"), first_run_days=30, clock=lambda: NOW)
    assert listener._criteria(_Place()) == "SINCE 04-Oct-2026"
    assert listener._criteria(_Place("1", 0, NOW - timedelta(days=300))) == "SINCE 07-Jan-2026"
    assert listener._criteria(_Place("1", 7, NOW)) == "UID 8:*"
