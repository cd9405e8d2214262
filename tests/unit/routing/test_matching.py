"""Who spoke: proof links, resemblance never does, and where anything is odd a person looks."""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config.policies import network_policy
from domain.brand import Brand
from domain.customer import Account, Customer, Interaction, Order
from domain.evidence import Action, Evidence, Grade, MatchDecision
from routing.crm import import_customers, import_interactions, import_orders, keyring
from routing.matching.gates import is_disguised, not_a_customer, on_behalf
from routing.matching.matcher import MAX_CANDIDATES, Matcher, MatchRules
from routing.matching.normal import name_key, name_words, normal_order, normal_phone
from routing.matching.speaker import Speaker
from storage.database import Database
from storage.posts import store_events
from storage.quotes import save_quotes
from storage.tables import AuthorRow, IdentityRow, PostRow
from tests.unit.samples import BRAND, NOW, OLD_ACCOUNT, author, customer, heard, order, undone

ORDER, OTHER_ORDER = "HR4829174637", "HR1111111111"
EMAIL, PHONE = "claire@example.org", "+33612345678"
CLAIRE = customer("C1", emails=(EMAIL,), phones=("06 12 34 56 78",), city="Lyon", country="FR")
PAUL = customer("C2", "Paul", "Durand", emails=("paul@example.org",), phones=("0699999999",))
# Others, so that a name is not rare only because the file is empty.
CROWD = tuple(customer(f"Z{number}", f"Prénom{chr(97 + number)}", f"Nom{chr(97 + number)}") for number in range(8))
THE_ORDER, THE_EMAIL, THE_PHONE = ("order", ORDER), ("email", EMAIL), ("phone", PHONE)

Identifier = tuple[str, str]


def stranger(*identifiers: Identifier, **facts: Any) -> Speaker:
    """An account of which nothing is known but what is told here."""
    told: dict[str, Any] = {
        "network": "mastodon",
        "account_id": "acc-1",
        "author_key": None,
        "handle": "handle",
        "name": None,
        "bio": None,
        "location": None,
        "created_at": OLD_ACCOUNT,
        "texts": ("Toujours rien reçu",),
        "posted_at": NOW,
    }
    return Speaker(**told | facts, identifiers=frozenset(identifiers))


def matched(
    session: Session,
    speaker: Speaker,
    customers: Iterable[Customer] = (CLAIRE, PAUL),
    orders: Iterable[Order] = (order(ORDER, "C1"), order(OTHER_ORDER, "C2")),
    **rules: Any,
) -> MatchDecision:
    import_customers(session, BRAND, [*customers, *CROWD], NOW)
    import_orders(session, BRAND, list(orders))
    matcher = Matcher(session, BRAND, keyring(session), MatchRules(**rules), NOW)
    return matcher.match(speaker, network_policy(speaker.network))


def outcome(decision: MatchDecision) -> tuple[str, str, str | None]:
    return decision.grade.value, decision.action.value, decision.customer_id


LINKED = ("stated", "link", "C1")


class TestDeclared:
    OWNER = replace(CLAIRE, accounts=(Account("mastodon", "acc-1", "claire"),))

    def test_the_account_id_that_the_customer_declared_is_proof(self, session: Session) -> None:
        decision = matched(session, stranger(name="Zorro", handle="other"), [self.OWNER])
        assert outcome(decision) == ("declared", "link", "C1")
        assert decision.gates == ()

    def test_a_recycled_handle_is_none(self, session: Session) -> None:
        assert outcome(matched(session, stranger(account_id="acc-9", handle="claire"), [self.OWNER])) == (
            "none",
            "none",
            None,
        )

    def test_the_same_id_on_another_network_is_none(self, session: Session) -> None:
        assert matched(session, stranger(network="bluesky"), [self.OWNER]).grade == Grade.NONE

    def test_two_customers_who_declare_one_account_go_to_a_person(self, session: Session) -> None:
        other = replace(PAUL, accounts=self.OWNER.accounts)
        decision = matched(session, stranger(), [self.OWNER, other])
        assert outcome(decision) == ("declared", "review", None)
        assert decision.gates == ("points_to_several",)

    def test_an_account_that_the_customer_proved_is_more_than_declared(self, session: Session) -> None:
        matched(session, stranger(), [self.OWNER])
        session.execute(update(IdentityRow).values(proof="authenticated", how="claim link"))
        decision = matched(session, stranger(), [self.OWNER])
        assert outcome(decision) == ("authenticated", "link", "C1")

    def test_quoting_the_order_of_another_goes_to_a_person(self, session: Session) -> None:
        decision = matched(session, stranger(("order", OTHER_ORDER)), [self.OWNER, PAUL])
        assert (decision.action, decision.gates) == (Action.REVIEW, ("points_to_several",))

    def test_speaking_for_somebody_else_goes_to_a_person(self, session: Session) -> None:
        decision = matched(session, stranger(texts=("Je poste pour ma mère, son colis est perdu",)), [self.OWNER])
        assert (decision.action, decision.gates) == (Action.REVIEW, ("on_behalf",))

    def test_what_only_strangers_are_asked_does_not_hold_it_up(self, session: Session) -> None:
        speaker = stranger(THE_ORDER, name="Press Bot", bio="journaliste", created_at=NOW - timedelta(days=1))
        assert outcome(matched(session, speaker, [self.OWNER])) == ("declared", "link", "C1")

    @pytest.mark.parametrize("status", ["minor", "deceased", "legal_hold"])
    def test_the_status_of_the_customer_holds_it_up(self, session: Session, status: str) -> None:
        decision = matched(session, stranger(), [replace(self.OWNER, status=status)])
        assert (decision.action, decision.gates) == (Action.REVIEW, (status,))


class TestStated:
    @pytest.mark.parametrize(
        "shown",
        [
            "Claire Martin", "claire martin", "CLAIRE MARTIN", "Martin Claire", "MARTIN, Claire", "Claire Martin 🌸",
            "📦 Claire Martin 👩‍💻", "Claire  Martin", "Claire-Martin", "Mme Claire Martin", "Claire Martin (Lyon)", "Clàïre Mârtin",
            "Claire Martin 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "✨ Claire ✨ Martin ✨", "Dr. Claire MARTIN",
        ],
    )  # fmt: skip
    def test_one_identifier_and_the_full_name_in_any_spelling_is_proof(self, session: Session, shown: str) -> None:
        decision = matched(session, stranger(THE_ORDER, name=shown))
        assert outcome(decision) == LINKED, decision

    @pytest.mark.parametrize(
        ("first", "last", "shown"),
        [
            ("Éloïse", "Lefèvre", "Eloise Lefevre"),
            ("Eloise", "Lefevre", "Éloïse Lefèvre"),
            ("Charles", "de Gaulle", "Charles Gaulle"),
            ("Charles", "de Gaulle", "Gaulle, Charles de"),
            ("Charles", "Gaulle", "Charles de Gaulle"),
            ("Jean-Pierre", "Le Goff", "jean pierre le goff"),
            ("Jean-Pierre", "Le Goff", "Jean-Pierre Goff"),
            ("Jeanne", "D'Arc", "Jeanne d’Arc"),
            ("Anne", "Martin-Petit", "Anne Martin Petit"),
            ("Nguyen", "Van Le", "Nguyen Van Le"),
            ("Łukasz", "Święty", "Lukasz Swiety"),
            ("Ludwig", "van der Berg", "Ludwig Van der Berg"),
            ("Søren", "Østergård", "Soren Ostergard"),
            ("Cœlia", "Œuvrard", "Coelia Oeuvrard"),
            ("محمد", "حسن", "محمد حسن"),
        ],
    )  # fmt: skip
    def test_names_are_the_same_in_any_spelling(self, session: Session, first: str, last: str, shown: str) -> None:
        known = replace(CLAIRE, first_name=first, last_name=last, name=f"{first} {last}")
        assert outcome(matched(session, stranger(THE_ORDER, name=shown), [known])) == LINKED

    @pytest.mark.parametrize(
        "shown",
        [
            "Claire",
            "Martin",
            "C. Martin",
            "Claire M.",
            "Clara Martin",
            "Claire Martinez",
            "Marie Martin",
            "clairemartin",
            "Claire Mart1n",
        ],
    )
    def test_part_of_a_name_is_no_full_name(self, session: Session, shown: str) -> None:
        assert outcome(matched(session, stranger(THE_ORDER, name=shown))) == ("suggested", "review", None)

    @pytest.mark.parametrize(
        "text", ["Cordialement, Claire Martin", "Je suis Martin Claire et j'attends", "Mme CLAIRE MARTIN."]
    )
    def test_the_name_may_stand_in_the_text(self, session: Session, text: str) -> None:
        assert outcome(matched(session, stranger(THE_ORDER, texts=("Bonjour", text)))) == LINKED

    def test_words_of_a_text_far_apart_are_no_name(self, session: Session) -> None:
        decision = matched(session, stranger(THE_ORDER, texts=("Claire a écrit à Martin", "Claire", "Martin")))
        assert decision.grade == Grade.SUGGESTED

    def test_the_name_of_a_record_without_parts_counts_too(self, session: Session) -> None:
        whole = replace(CLAIRE, name="Claire Martin", first_name=None, last_name=None)
        assert outcome(matched(session, stranger(THE_ORDER, name="Martin Claire"), [whole])) == LINKED

    @pytest.mark.parametrize("first", [THE_ORDER, THE_EMAIL, THE_PHONE])
    @pytest.mark.parametrize("second", [THE_ORDER, THE_EMAIL, THE_PHONE])
    def test_two_identifiers_are_proof_without_a_name(
        self, session: Session, first: Identifier, second: Identifier
    ) -> None:
        expected = LINKED if first != second else ("suggested", "review", None)
        assert outcome(matched(session, stranger(first, second))) == expected

    def test_two_orders_of_one_customer_are_two_identifiers(self, session: Session) -> None:
        orders = [order(ORDER, "C1"), order("HR2222222222", "C1")]
        assert outcome(matched(session, stranger(THE_ORDER, ("order", "HR2222222222")), orders=orders)) == LINKED

    @pytest.mark.parametrize("wrong", ["HR4829174638", "HR482917463", "4829174637", "XX4829174637"])
    def test_one_digit_wrong_proves_nothing(self, session: Session, wrong: str) -> None:
        assert matched(session, stranger(("order", wrong))).grade == Grade.NONE
        assert matched(session, stranger(("order", wrong), name="Claire Martin")).grade == Grade.SUGGESTED

    def test_one_digit_wrong_that_is_the_number_of_another_is_no_link(self, session: Session) -> None:
        decision = matched(session, stranger(("order", OTHER_ORDER), name="Claire Martin"))
        assert outcome(decision) == ("suggested", "review", None)


class TestNumbers:
    def test_a_parcels_number_is_the_customers(self, session: Session) -> None:
        sent = replace(order(ORDER, "C1"), parcel="6A 1234-567890 1")
        decision = matched(session, stranger(("order", "6A12345678901"), name="Claire Martin"), orders=[sent])
        assert outcome(decision) == LINKED

    def test_a_tickets_number_is_the_customers(self, session: Session) -> None:
        asked = Interaction("i1", "C1", "phone", "in", NOW - timedelta(days=3), case="#2026-00417")
        matched(session, stranger())
        import_interactions(session, BRAND, [asked])
        decision = matched(session, stranger(("order", "202600417"), name="Claire Martin"))
        assert outcome(decision) == LINKED
        assert "contact" in {fact.fact for fact in decision.candidates[0].evidence}


class TestResemblance:
    def test_a_namesake_in_the_same_town_is_only_suggested(self, session: Session) -> None:
        decision = matched(session, stranger(name="Claire Martin", location="Lyon, France"))
        assert outcome(decision) == ("suggested", "review", None)
        assert {fact.fact for fact in decision.candidates[0].evidence} == {"name", "city", "recent_order"}

    @pytest.mark.parametrize(("place", "fact"), [("Lyon", "city"), ("69003", "city"), ("Tromsø", "other_city")])
    def test_the_town_or_its_postcode_speaks(self, session: Session, place: str, fact: str) -> None:
        decision = matched(
            session, stranger(name="Claire Martin", location=place), [replace(CLAIRE, postal_code="69003")]
        )
        assert fact in {one.fact for one in decision.candidates[0].evidence}

    def test_two_namesakes_are_both_told_and_neither_is_sure(self, session: Session) -> None:
        decision = matched(
            session,
            stranger(name="Claire Martin"),
            [CLAIRE, replace(CLAIRE, customer_id="C3", emails=(), phones=())],
            orders=(),
        )
        assert [candidate.customer_id for candidate in decision.candidates] == ["C1", "C3"]
        assert all(candidate.probability < 0.5 for candidate in decision.candidates)

    def test_father_and_son_are_told_apart_by_the_order_alone(self, session: Session) -> None:
        son = replace(CLAIRE, customer_id="C3")
        orders = [order(ORDER, "C1"), order(OTHER_ORDER, "C3")]
        name_and_house = stranger(THE_EMAIL, THE_PHONE, name="Claire Martin", location="Lyon")
        assert outcome(matched(session, name_and_house, [CLAIRE, son], orders)) == ("suggested", "review", None)
        with_order = replace(name_and_house, identifiers=frozenset({("order", OTHER_ORDER), THE_EMAIL}))
        assert outcome(matched(session, with_order, [CLAIRE, son], orders)) == ("stated", "link", "C3")

    def test_a_shared_address_identifies_nobody(self, session: Session) -> None:
        wife = customer("C3", "Paule", "Martin", emails=(EMAIL,))
        assert outcome(matched(session, stranger(THE_EMAIL, name="Claire Martin"), [CLAIRE, wife]))[:2] == (
            "suggested",
            "review",
        )

    def test_an_address_of_a_firm_shared_by_hundreds_identifies_nobody(self, session: Session) -> None:
        staff = [customer(f"S{number}", f"A{number}", "B", emails=("firm@example.org",)) for number in range(60)]
        decision = matched(session, stranger(("email", "firm@example.org"), name="A3 B"), staff)
        assert decision.customer_id is None
        assert decision.candidates == ()

    def test_a_name_that_too_many_bear_is_no_suggestion(self, session: Session) -> None:
        many = [customer(f"J{number}", "Jean", "Martin") for number in range(6)]
        decision = matched(session, stranger(name="Jean Martin"), many, block_limit=5)
        assert outcome(decision) == ("none", "none", None)
        assert decision.gates == ("common_name",)

    def test_a_duplicate_record_never_makes_a_shared_address_proof(self, session: Session) -> None:
        double = replace(CLAIRE, customer_id="C9", city="Nice")
        assert (
            matched(session, stranger(THE_EMAIL, THE_PHONE, name="Claire Martin"), [CLAIRE, double]).customer_id is None
        )
        assert outcome(matched(session, stranger(THE_ORDER, name="Claire Martin"), [CLAIRE, double])) == LINKED

    def test_nothing_at_all_is_none(self, session: Session) -> None:
        decision = matched(session, stranger())
        assert outcome(decision) == ("none", "none", None)
        assert (decision.candidates, decision.none_probability) == ((), 1.0)

    def test_an_empty_file_matches_nobody(self, session: Session) -> None:
        matcher = Matcher(session, BRAND, keyring(session), MatchRules(), NOW)
        assert matcher.match(stranger(THE_ORDER, name="Claire Martin"), network_policy("mastodon")).grade == Grade.NONE


class TestImpostors:
    def test_a_thief_under_his_own_name_goes_to_a_person(self, session: Session) -> None:
        decision = matched(session, stranger(THE_ORDER, THE_EMAIL, name="Paul Durand"))
        assert decision.customer_id is None
        assert decision.action == Action.REVIEW
        assert "other_name" in decision.gates

    @pytest.mark.parametrize("shown", ["Paul Martin", "Martin Paul", "PAUL MARTIN 🌸"])
    def test_a_relative_with_another_first_name_goes_to_a_person(self, session: Session, shown: str) -> None:
        decision = matched(session, stranger(THE_ORDER, THE_EMAIL, name=shown))
        assert (decision.action, decision.gates) == (Action.REVIEW, ("other_name",))

    def test_a_helper_who_tells_the_name_of_another_goes_to_a_person(self, session: Session) -> None:
        speaker = stranger(THE_ORDER, name="Paul Durand", texts=("Claire Martin attend toujours sa commande",))
        decision = matched(session, speaker)
        assert outcome(decision) == ("suggested", "review", None)
        facts = {candidate.customer_id: [fact.fact for fact in candidate.evidence] for candidate in decision.candidates}
        assert facts["C1"] == ["order", "other_name", "recent_order"]

    @pytest.mark.parametrize(
        "shown", ["Ours Polaire", "Martin Brocante", "La Grincheuse", "xX_dragon_Xx", "Team PSG", "👻"]
    )
    def test_a_pen_name_contradicts_nobody(self, session: Session, shown: str) -> None:
        assert outcome(matched(session, stranger(THE_ORDER, THE_EMAIL, name=shown))) == LINKED

    def test_identifiers_of_two_customers_go_to_a_person(self, session: Session) -> None:
        decision = matched(session, stranger(THE_ORDER, THE_EMAIL, ("order", OTHER_ORDER), name="Claire Martin"))
        assert (decision.action, decision.gates) == (Action.REVIEW, ("points_to_several",))

    @pytest.mark.parametrize("shown", ["Clаire Martin", "Claire Μartin", "Claire​ Martin", "Ｃｌａｉｒｅ Martin", "C\u2170aire Martin", "𝐂𝐥𝐚𝐢𝐫𝐞 Martin", "Cⅼaire Martin", "Claire\u202e Martin"])  # fmt: skip
    def test_letters_that_only_look_alike_go_to_a_person(self, session: Session, shown: str) -> None:
        decision = matched(session, stranger(THE_ORDER, THE_EMAIL, name=shown))
        assert decision.action == Action.REVIEW
        assert "homoglyph" in decision.gates

    def test_a_handle_that_looks_alike_counts_too(self, session: Session) -> None:
        assert "homoglyph" in matched(session, stranger(THE_ORDER, name="Claire Martin", handle="clаire")).gates

    @pytest.mark.parametrize("name", ["Claire Martin 👩‍💻", "José Núñez", "Ольга Смирнова", "Ευα Παππα", "李 小龍", "Œdipe Straße", "Zoé 🏳️‍🌈", "Anaïs", "محمد حسن", "N°5", "", "e\u0301ric"])  # fmt: skip
    def test_names_of_all_the_world_are_no_disguise(self, name: str) -> None:
        assert not is_disguised(name)

    @pytest.mark.parametrize(("age", "held"), [(0, True), (6.9, True), (7.1, False), (3000, False)])
    def test_a_young_account_that_quotes_goes_to_a_person(self, session: Session, age: float, held: bool) -> None:
        speaker = stranger(THE_ORDER, name="Claire Martin", created_at=NOW - timedelta(days=age))
        decision = matched(session, speaker)
        assert decision.gates == (("young_account",) if held else ())
        assert outcome(decision)[1] == ("review" if held else "link")

    @pytest.mark.parametrize("status", ["minor", "deceased", "legal_hold"])
    def test_the_status_of_the_customer_holds_it_up(self, session: Session, status: str) -> None:
        decision = matched(session, stranger(THE_ORDER, name="Claire Martin"), [replace(CLAIRE, status=status)])
        assert (decision.action, decision.gates) == (Action.REVIEW, (status,))

    @pytest.mark.parametrize(
        ("name", "bio"),
        [
            ("Hirondelle Officiel", None), ("Hirondelle Official", None), ("Claire Martin", "Compte parodique"),
            ("Claire Martin", "Parody account"), ("Claire Martin", "Journaliste à La Dépêche"), ("Claire Martin", "Pigiste presse locale"),
            ("Claire Martin", "Rédac' chef"), ("Claire Martin", "Rédactrice en chef"), ("Claire Martin", "Avocate au barreau"),
            ("Claire Martin", "Influenceuse mode"), ("Service client Hirondelle", None), ("Claire Martin", "freelance reporter"),
            ("Claire Martin", "Compte satirique"), ("Claire Martin", "satire"), ("Claire Martin", "déléguée syndicale"),
        ],
    )  # fmt: skip
    def test_press_parody_and_help_desks_go_to_a_person(self, session: Session, name: str, bio: str | None) -> None:
        decision = matched(session, stranger(THE_ORDER, THE_EMAIL, name=name, bio=bio))
        assert "not_a_customer" in decision.gates
        assert decision.action == Action.REVIEW

    @pytest.mark.parametrize("bio", ["Supportrice de l'OL", "professeure, deux chats", "Expresso et vélo", "robotique"])
    def test_an_ordinary_bio_is_no_hindrance(self, bio: str) -> None:
        assert not not_a_customer("Claire Martin", bio)


class TestOnBehalf:
    @pytest.mark.parametrize(
        "text",
        [
            "Je poste pour ma mère, son colis est perdu",
            "je poste ça pour mon mari qui n'a pas de compte",
            "Ma mère a commandé une box, rien depuis",
            "Mon père attend toujours son raccordement",
            "ma grand-mère n'a plus de téléphone depuis lundi",
            "Mon voisin a commandé, le livreur a tout laissé chez moi",
            "La commande de ma sœur n'arrive pas",
            "le colis de mon fils est bloqué",
            "Au nom de mon collègue : HR4829174637",
            "De la part de mon ami Karim",
            "Ma mère, Monique Petit, attend depuis dix jours",
            "notre voisine Mme Petit ne reçoit plus rien",
            "j'écris pour mes parents, ils sont privés de ligne",
            "J'écris à la place de ma femme",
            "c'est la commande de ma copine, pas la mienne",
            "le numéro de commande de mon frère est HR4829174637",
            "mon beau-père a été débité deux fois",
            "Pour une amie : sa commande HR4829174637 est perdue",
            "Ma belle-mère ne capte plus rien avec votre box",
            "mon mari n’a jamais reçu le sms",
            "posting for my mother, her parcel is lost",
            "on behalf of my dad: no line since Monday",
            "My mum's order never came",
            "my husband ordered a router three weeks ago",
            "My neighbour Mrs Petit has no line",
            "asking for a friend, her order is HR4829174637",
            "my parents have had no internet for a week",
            "This is my wife's order number: HR4829174637",
            "my girlfriend was charged twice",
            "My gran’s phone is dead",
            "My boyfriend is still waiting for his parcel",
        ],
    )
    def test_it_is_heard(self, text: str) -> None:
        assert on_behalf(text)

    @pytest.mark.parametrize(
        "text",
        [
            "Mon colis n'est pas arrivé",
            "J'attends depuis dix jours, merci pour rien",
            "Ma commande HR4829174637 est perdue",
            "C'était un cadeau pour Noël",
            "Pour la troisième fois, où est mon colis ?",
            "Le livreur est passé chez moi sans sonner",
            "Votre service client est une honte, mon ami",
            "Mère Noël en colère : où est MA commande ?",
            "my parcel is lost",
            "My order never came, thanks for nothing",
            "I have been waiting for a week",
            "Dear friends at Hirondelle, where is my parcel?",
            "for the third time: where is my order",
            "Patron, un colis s'il vous plaît",
            "",
        ],
    )
    def test_it_is_not_heard_where_nobody_says_so(self, text: str) -> None:
        assert not on_behalf(text)

    def test_it_sends_the_match_to_a_person(self, session: Session) -> None:
        speaker = stranger(THE_ORDER, name="Claire Martin", texts=("Bonjour", "Je demande pour ma mère"))
        decision = matched(session, speaker)
        assert (decision.action, decision.gates) == (Action.REVIEW, ("on_behalf",))


class TestQuotes:
    """What other accounts quoted, and how much one account quotes."""

    def quote(self, session: Session, post_id: str, who: str | None, *identifiers: Identifier, **facts: Any) -> None:
        writer = None if who is None else author(who)
        facts = {"text": f"numéro {post_id}", **facts}
        store_events(session, BRAND.id, [heard(post_id, author=writer, **facts)], NOW)
        row = session.scalars(select(PostRow).filter_by(native_id=post_id)).one()
        ring = keyring(session)
        save_quotes(session, row, [(kind, ring.key(kind, value)) for kind, value in identifiers])
        session.flush()

    def speaker(self, session: Session, who: str, *identifiers: Identifier) -> Speaker:
        key = session.scalars(select(AuthorRow.id).filter_by(native_id=who)).one()
        return stranger(*identifiers, account_id=who, author_key=key, name="Claire Martin")

    def test_an_account_alone_with_its_number_is_believed(self, session: Session) -> None:
        self.quote(session, "1", "a1", THE_ORDER)
        self.quote(session, "2", "a1", THE_ORDER)
        self.quote(session, "3", "a2", ("order", OTHER_ORDER))
        assert outcome(matched(session, self.speaker(session, "a1", THE_ORDER))) == LINKED

    @pytest.mark.parametrize("other", ["a2", None])
    def test_two_accounts_with_one_number_both_go_to_a_person(self, session: Session, other: str | None) -> None:
        self.quote(session, "1", "a1", THE_ORDER)
        self.quote(session, "2", other, THE_ORDER)
        decision = matched(session, self.speaker(session, "a1", THE_ORDER))
        assert (decision.action, decision.gates) == (Action.REVIEW, ("quoted_by_several",))

    def test_who_passes_a_post_on_quotes_nothing_himself(self, session: Session) -> None:
        self.quote(session, "1", "a1", THE_ORDER)
        self.quote(session, "2", "a2", THE_ORDER, repost_of="1")
        assert outcome(matched(session, self.speaker(session, "a1", THE_ORDER))) == LINKED

    @pytest.mark.parametrize("kind", ["order", "email"])
    @pytest.mark.parametrize(("others", "held"), [(2, False), (3, True), (50, True)])
    def test_an_account_that_tries_many_goes_to_a_person(
        self, session: Session, kind: str, others: int, held: bool
    ) -> None:
        mine = THE_ORDER if kind == "order" else THE_EMAIL
        self.quote(session, "0", "a1", mine)
        for number in range(others):
            self.quote(session, str(number + 1), "a1", (kind, f"try{number}"))
        decision = matched(session, self.speaker(session, "a1", mine))
        assert decision.gates == (("probing",) if held else ())
        assert decision.action == (Action.REVIEW if held else Action.LINK)

    def test_one_post_that_tells_order_phone_and_mail_is_no_probing(self, session: Session) -> None:
        self.quote(session, "1", "a1", THE_ORDER, THE_EMAIL, THE_PHONE, ("order", "HR0000000001"))
        assert outcome(matched(session, self.speaker(session, "a1", THE_ORDER, THE_EMAIL, THE_PHONE))) == LINKED

    def test_what_was_edited_away_is_quoted_no_more(self, session: Session) -> None:
        self.quote(session, "1", "a1", THE_ORDER)
        self.quote(session, "2", "a2", THE_ORDER)
        self.quote(session, "2", "a2", edited_at=NOW, text="rien")
        assert outcome(matched(session, self.speaker(session, "a1", THE_ORDER))) == LINKED


class TestPolicy:
    @pytest.mark.parametrize("network", ["x", "tiktok", "facebook"])
    def test_where_only_declared_accounts_may_be_joined_nothing_else_is_looked_at(
        self, session: Session, network: str
    ) -> None:
        speaker = stranger(THE_ORDER, THE_EMAIL, THE_PHONE, name="Claire Martin", network=network)
        decision = matched(session, speaker)
        assert (outcome(decision), decision.candidates) == (("none", "none", None), ())
        declared = replace(CLAIRE, accounts=(Account(network, "acc-1"),))
        assert outcome(matched(session, speaker, [declared])) == ("declared", "link", "C1")

    def test_without_the_grade_of_resemblance_no_namesake_is_suggested(self, session: Session) -> None:
        strict = replace(network_policy("mastodon"), match_grades=frozenset({Grade.DECLARED, Grade.STATED}))
        import_customers(session, BRAND, [CLAIRE], NOW)
        matcher = Matcher(session, BRAND, keyring(session), MatchRules(), NOW)
        assert outcome(matcher.match(stranger(name="Claire Martin"), strict)) == ("none", "none", None)

    def test_customers_of_another_brand_are_nobody_here(self, session: Session) -> None:
        matched(session, stranger())
        matcher = Matcher(session, Brand("mesange"), keyring(session), MatchRules(), NOW)
        assert (
            matcher.match(stranger(THE_ORDER, THE_EMAIL, name="Claire Martin"), network_policy("mastodon")).grade
            == Grade.NONE
        )


class TestFigures:
    def test_the_weights_add_up_to_the_odds(self, session: Session) -> None:
        namesake = replace(CLAIRE, customer_id="C3", emails=(), phones=(), city="Brest")
        decision = matched(session, stranger(name="Claire Martin", location="Lyon"), [CLAIRE, namesake])
        first, second = decision.candidates
        ratio = first.probability / second.probability
        difference = sum(fact.weight for fact in first.evidence) - sum(fact.weight for fact in second.evidence)
        assert ratio == pytest.approx(2**difference, rel=0.05)

    def test_more_proof_is_never_less_likely(self, session: Session) -> None:
        steps = [
            stranger(name="Claire Martin"),
            stranger(name="Claire Martin", location="Lyon"),
            stranger(THE_ORDER, name="Claire Martin", location="Lyon"),
            stranger(THE_ORDER, THE_EMAIL, name="Claire Martin", location="Lyon"),
        ]
        chances = [matched(session, speaker).candidates[0].probability for speaker in steps]
        assert all(one < two or one > 0.999 for one, two in pairwise(chances))

    @pytest.mark.parametrize("namesakes", [1, 5, 12])
    def test_all_chances_together_are_never_more_than_one(self, session: Session, namesakes: int) -> None:
        many = [customer(f"N{number:02}", "Claire", "Martin", city="Lyon") for number in range(namesakes)]
        decision = matched(session, stranger(name="Claire Martin", location="Lyon"), many)
        assert sum(c.probability for c in decision.candidates) + decision.none_probability <= 1 + 1e-9
        assert all(candidate.probability <= 1 / namesakes for candidate in decision.candidates)
        assert len(decision.candidates) == min(namesakes, MAX_CANDIDATES)

    def test_an_explained_link_names_two_independent_facts(self, session: Session) -> None:
        decision = matched(session, stranger(THE_ORDER, name="Claire Martin"))
        assert decision.candidates[0].evidence[0] == Evidence("order", decision.candidates[0].evidence[0].weight, ORDER)
        assert {fact.fact for fact in decision.candidates[0].evidence} == {"order", "name", "recent_order"}
        assert decision.version

    def test_equal_speakers_get_equal_decisions(self, session: Session) -> None:
        speaker = stranger(THE_ORDER, THE_EMAIL, THE_PHONE, name="Claire Martin")
        assert matched(session, speaker) == matched(session, replace(speaker))


HOSTILE = (
    "'; DROP TABLE customers; --", "%", "_", "Claire%' OR '1'='1", "\x00", "Claire\x00Martin", "\ud800", "a" * 10_000,
    "Claire Martin " * 1000, "ma mère " * 2000, "pour " + " " * 10_000, "\u202e" * 10_000, "é" * 5000 + "\u0301" * 5000,
    "{{7*7}} ${jndi:ldap://x} <script>", "İıſ", "ﷺ" * 1000, "My " + "mother " * 2000, "-'" * 5000, "٣" * 100, "\n\r\t",
)  # fmt: skip

UNSTORABLE = frozenset({"\x00", "Claire\x00Martin", "\ud800"})


class TestHostility:
    def test_no_name_or_text_breaks_or_stalls_it(self, session: Session) -> None:
        matched(session, stranger())
        matcher = Matcher(session, BRAND, keyring(session), MatchRules(), NOW)
        started = time.process_time()
        for words in HOSTILE:
            speaker = stranger(
                THE_ORDER, ("order", words[:200]), ("email", words), ("phone", words), name=words, handle=words, bio=words,
                location=words, account_id=words, texts=(words, words * 5),
            )  # fmt: skip
            if words in UNSTORABLE:  # nor can an account be called so, or an order
                speaker = replace(speaker, account_id="acc-1", identifiers=frozenset({THE_ORDER}))
            decision = matcher.match(speaker, network_policy("mastodon"))
            assert decision.customer_id is None or words.startswith("Claire"), words[:40]
        assert time.process_time() - started < 5

    @given(words=st.text(max_size=60))
    @settings(max_examples=150, deadline=None)
    def test_any_words_are_taken(self, words: str) -> None:
        on_behalf(words)
        is_disguised(words)
        not_a_customer(words, words)
        assert name_key(name_words(words)) == name_key(tuple(reversed(name_words(words))))
        assert normal_order(normal_order(words)) == normal_order(words)
        phone = normal_phone(words, "FR")
        assert phone is None or normal_phone(phone, "DE") == phone


@given(
    identifiers=st.sets(st.sampled_from([THE_ORDER, THE_EMAIL, THE_PHONE, ("order", OTHER_ORDER), ("order", "HR0"), ("email", "x@y.z")])),
    name=st.sampled_from([None, "Claire Martin", "Paul Durand", "Martin Claire 🌸", "Claire", "Ours Polaire", "Clаire Martin"]),
    text=st.sampled_from(["Rien reçu", "pour ma mère", "Claire Martin", "Paul Durand"]),
    account=st.sampled_from(["acc-1", "acc-2"]),
    bio=st.sampled_from([None, "journaliste"]),
    network=st.sampled_from(["mastodon", "x"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_link_has_proof_no_gate_and_sound_figures(
    shared_database: Database,
    identifiers: set[Identifier],
    name: str,
    text: str,
    account: str,
    bio: str | None,
    network: str,
) -> None:
    with undone(shared_database) as session:
        customers = [replace(CLAIRE, accounts=(Account("x", "acc-2"),)), PAUL]
        speaker = stranger(*identifiers, name=name, texts=(text,), account_id=account, bio=bio, network=network)
        decision = matched(session, speaker, customers)
    if decision.action is Action.LINK:
        assert decision.customer_id == decision.candidates[0].customer_id
        assert decision.grade in (Grade.DECLARED, Grade.STATED)
        assert not decision.gates
        facts = {fact.fact: fact for fact in decision.candidates[0].evidence if fact.weight > 0}
        quoted = [fact for fact in decision.candidates[0].evidence if fact.fact in ("order", "email", "phone")]
        assert "account" in facts or len(quoted) >= 2 or (quoted and "name" in facts)
    else:
        assert decision.customer_id is None
    assert 0 <= decision.none_probability <= 1
    assert sum(c.probability for c in decision.candidates) + decision.none_probability <= 1 + 1e-9
    assert (decision.action is Action.NONE) == (decision.grade is Grade.NONE)
