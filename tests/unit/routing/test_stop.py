"""STOP in French and English, in one word or in free ones; what it changes depends on who said it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.stop import NOTHING, read_stop
from routing.stop import is_stop, take_stop
from routing.templates import Facts, languages, render, template_names
from storage import messages
from storage.tables import CaseEventRow, CaseRow, ConsentRow, ObjectionRow
from tests.fakes.outbox import BRAND, fill
from tests.unit.samples import NOW

STOPS = """
    STOP | stop. | Arrêt ! | STOP 36111 | Stop merci | Ne m'écrivez plus | arrêtez de m'écrire svp | stop tout
    Merci de ne plus me contacter. | je ne veux plus recevoir vos messages | Cessez de m'appeler | Arrêtez vos messages
    laissez-moi tranquille | désinscrivez-moi de votre liste | ne m'appelez plus, écrivez-moi | m'écrivez plus
    Je souhaite ne plus être contactée. | Pouvez-vous arrêter de m'envoyer des SMS ? | prière de ne plus m'envoyer de mails
    je veux plus recevoir de sms | Ne me contactez plus jamais | please don't text me again | stop texting me!!
    I don't want to receive any more messages from you | Stop sending me emails | leave me alone | never contact me again
    please remove my number from your list | Can you please stop emailing me? | No more messages please
    I no longer wish to be contacted | Do not call me ever again | Take me off your mailing list
    Unsubscribe me from these emails please
"""
OTHERS = """
    ne vous arrêtez pas | the bus stop | je veux arrêter mon abonnement | n'arrêtez pas de m'écrire | non stop
    please don't stop texting me updates | Arrêtez de me dire que le colis arrive | Je veux me désabonner de votre offre
    Pourquoi vous ne m'écrivez plus ? | why did you stop writing to me? | you never contact me | cancel my order
    ne m'appelez pas avant 18h | ne me contactez plus que par mail | My order stopped at the depot | supprimez mon compte
    You don't call me back | arrêtez de m'envoyer des colis cassés | le livreur s'est arrêté devant chez moi
    I want to cancel my subscription | vous avez arrêté de me répondre | je ne veux plus recevoir le journal
    don't call me before 6pm | I got off at the last stop | they do not write to me | why don't you text me
    Je n'arrête pas de vous écrire | I can't stop thinking about it | Please stop the delivery
    je voudrais arrêter le prélèvement
"""
UNSURE = """
    arrêtez de m'écrire si c'est pour mentir | STOP! You have the wrong person | If you don't refund me, stop contacting me
    Stop, c'est trop long
"""


def texts(table: str) -> list[str]:
    return [text.strip() for line in table.strip().splitlines() for text in line.split("|")]


@pytest.mark.parametrize("text", texts(STOPS))
def test_a_no_is_a_no_in_many_words(text: str) -> None:
    assert is_stop(text)
    assert is_stop(f"Bonjour,\n{text}\nClaire\n\nLe 16 nov. 2026 à 09:30, Care <care@a.example> a écrit :\n> si")


@pytest.mark.parametrize("text", texts(OTHERS))
def test_what_only_sounds_like_it_is_none(text: str) -> None:
    assert read_stop(text) == NOTHING


@pytest.mark.parametrize("text", texts(UNSURE))
def test_a_condition_or_a_cry_is_for_a_person(text: str) -> None:
    said = read_stop(text)
    assert (said.said, said.unsure) == (False, True)


@pytest.mark.parametrize(
    ("text", "channels", "everything"),
    [
        ("ne m'appelez plus, écrivez-moi", {"phone"}, False),
        ("please don't text me again", {"sms"}, False),
        ("Merci de ne plus me contacter par téléphone", {"phone"}, False),
        ("Arrêtez de m'écrire", set(), False),
        ("Ne me contactez plus jamais", set(), True),
        ("leave me alone", set(), True),
        ("STOP", set(), False),
    ],
)
def test_a_no_is_about_what_it_names(text: str, channels: set[str], everything: bool) -> None:
    said = read_stop(text)
    assert (said.said, set(said.channels), said.everything) == (True, channels, everything)


def test_what_is_quoted_is_not_said() -> None:
    assert not is_stop("Merci !\n> STOP\n> arrêtez de m'écrire")
    assert not is_stop("Parfait.\n\nOn 16 Nov 2026 at 09:30, Care wrote:\nPlease don't text me again")


@pytest.mark.parametrize("language", sorted(languages()))
def test_our_own_words_are_no_stop(language: str) -> None:
    for name in template_names():
        for channel in ("email", "sms"):
            body = render(name, language, Facts("Acmé", "V1", "Ana", "CF1", "lampe"), channel)[1]
            assert read_stop(body) == NOTHING


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    read_stop(text)


@given(st.sampled_from(texts(OTHERS)), st.sampled_from(texts(OTHERS)))
def test_two_harmless_sentences_make_no_stop(first: str, second: str) -> None:
    assert not is_stop(f"{first}. {second}.")


class TestTaken:
    """What a STOP changes."""

    def test_by_its_recipient_it_holds_for_the_address(self, session: Session) -> None:
        (sent,) = fill(session, 1, NOW, "sms")
        assert take_stop(session, BRAND, "sms", sent.address or "", None, sent, True, NOW, "arrêtez de m'écrire svp")
        assert messages.suppression(session, BRAND, "sms", sent.address or "") == "stop"
        assert messages.suppression(session, BRAND, "email", sent.address or "") is None
        assert "stop_recorded" in kinds(session, sent.case_id)

    def test_from_elsewhere_it_is_shown_and_changes_nothing(self, session: Session) -> None:
        (sent,) = fill(session, 1, NOW, "sms")
        assert not take_stop(session, BRAND, "sms", "+33600000000", None, sent, False, NOW, "STOP")
        assert messages.suppression(session, BRAND, "sms", "+33600000000") is None
        assert "stop_to_check" in kinds(session, sent.case_id)

    def test_unsure_it_is_shown(self, session: Session) -> None:
        (sent,) = fill(session, 1, NOW, "sms")
        assert not take_stop(session, BRAND, "sms", sent.address or "", None, sent, True, NOW, "Stop! Wrong person")
        assert "stop_to_check" in kinds(session, sent.case_id)

    def test_of_another_channel_it_is_kept_for_that_one(self, session: Session) -> None:
        (sent,) = fill(session, 1, NOW)
        take_stop(session, BRAND, "email", sent.address or "", None, sent, True, NOW, "Ne m'appelez plus, écrivez-moi")
        assert messages.suppression(session, BRAND, "email", sent.address or "") is None
        word = session.scalars(select(ConsentRow).filter_by(customer_key=sent.customer_key)).one()
        assert (word.channel, word.purpose, word.status) == ("phone", "service", "revoked")

    def test_of_everything_it_is_an_objection_once(self, session: Session) -> None:
        (sent,) = fill(session, 1, NOW)
        for later in (0, 1):
            at = NOW + timedelta(minutes=later)
            take_stop(session, BRAND, "email", sent.address or "", None, sent, True, at, "Ne me contactez plus jamais")
        assert session.scalars(select(ObjectionRow.topic).filter_by(customer_key=sent.customer_key)).all() == ["all"]

    def test_without_a_case_the_address_is_left_alone_all_the_same(self, session: Session) -> None:
        fill(session, 1, NOW)
        assert take_stop(session, BRAND, "whatsapp", "+33611111111", None, None, True, NOW)
        assert messages.suppression(session, BRAND, "whatsapp", "+33611111111") == "stop"

    def test_anything_else_is_nothing(self, session: Session) -> None:
        (sent,) = fill(session, 1, NOW)
        before = kinds(session, sent.case_id)
        assert not take_stop(session, BRAND, "email", sent.address or "", None, sent, True, NOW, "the bus stop")
        assert kinds(session, sent.case_id) == before


def kinds(session: Session, case_id: int) -> list[str]:
    assert session.get(CaseRow, case_id) is not None
    return list(session.scalars(select(CaseEventRow.kind).filter_by(case_id=case_id).order_by(CaseEventRow.id)))
