"""Queries: how they are read, what they match, what networks can be asked for, and what is told of a wrong one."""

import copy
import pickle
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.post import Author, Post
from listeners.query import (
    And,
    Clause,
    Is,
    Near,
    Node,
    Not,
    Or,
    Prefilter,
    Query,
    Term,
    Vocabulary,
    parse_query,
)
from listeners.query.text import folded, plain, term_words

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
UNHURRIED = settings(deadline=None)  # other tests share the processor
WORDS = Vocabulary(
    brand=("Hirondelle", "Air Hirondelle", "l'Hirondelle", "irondelle"), product=("Nid Douillet", "Plume+")
)


def post(text: str = "", **facts: Any) -> Post:
    return Post(**{"network": "mastodon", "id": "1", "text": text, "created_at": NOW, **facts})


def by(handle: str | None = "alice", followers: int | None = None) -> Author:
    return Author(id="1", handle=handle, followers=followers)


def tree(text: str, vocabulary: Vocabulary = WORDS) -> Node:
    found = parse_query(text, vocabulary).tree
    assert found is not None
    return found


def matches(query: str, text: str, **facts: Any) -> bool:
    return parse_query(query, WORDS).matches(post(text, **facts))


def refusal(query: str, vocabulary: Vocabulary = WORDS) -> str:
    with pytest.raises(BadInput) as caught:
        parse_query(query, vocabulary)
    return str(caught.value)


def read_or_refused(text: str) -> Query | None:
    try:
        return parse_query(text, WORDS)
    except BadInput as error:
        told = str(error)
    assert "column" in told
    return None


# --- reading -------------------------------------------------------------------------------------

A, B, C = Term("a"), Term("b"), Term("c")


class TestReading:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a", A),
            ("a b", And((A, B))),
            ("a AND b", And((A, B))),
            ("a OR b", Or((A, B))),
            ("a b OR c", Or((And((A, B)), C))),
            ("a OR b c", Or((A, And((B, C))))),
            ("(a OR b) c", And((Or((A, B)), C))),
            ("a OR (b OR c)", Or((A, B, C))),
            ("a (b AND c)", And((A, B, C))),
            ("((a))", A),
            ("NOT a", Not(A)),
            ("-a", Not(A)),
            ("--a", A),
            ("NOT NOT a", A),
            ("a NOT b", And((A, Not(B)))),
            ("a AND NOT b", And((A, Not(B)))),
            ("a -b c", And((A, Not(B), C))),
            ("-(a OR b)", Not(Or((A, B)))),
            ("a NEAR/5 b", Near(A, B, 5)),
            ("a NEAR/0 b c", And((Near(A, B, 0), C))),
            ("NOT a NEAR/2 b", Not(Near(A, B, 2))),
            ("(a OR b) NEAR/3 c", Or((Near(A, C, 3), Near(B, C, 3)))),
            ('"a b"', Term("a b")),
            ('"a b"c', And((Term("a b"), C))),
            ("a(b)c", And((A, B, C))),
            ("livr*", Term("livr", prefix=True)),
            ('"mon coli"*', Term("mon coli", prefix=True)),
            ("#Colis", Term("#Colis")),
            ("#col*", Term("#col", prefix=True)),
            ("@hirondelle@mastodon.social", Term("@hirondelle@mastodon.social")),
            ("porte-monnaie", Term("porte-monnaie")),
            ("l’été", Term("l’été")),
            ("merci!", Term("merci")),
            ("12:30", Term("12:30")),
            ("😡", Term("😡")),
            ("and or not near", And((Term("and"), Term("or"), Term("not"), Term("near")))),
            ("ANDROID ORANGE NOTICE NEARBY", And((Term("ANDROID"), Term("ORANGE"), Term("NOTICE"), Term("NEARBY")))),
            ('"AND"', Term("AND")),
            ("lang:fr", Is("lang", "fr")),
            ("LANG:fr-CA", Is("lang", "fr-CA")),
            ('network:"Mastodon"', Is("network", "mastodon")),
            ("from:@alice@m.example to:bob", And((Is("from", "alice@m.example"), Is("to", "bob")))),
            ("has:link min_followers:1000", And((Is("has", "link"), Is("min_followers", "1000")))),
            ("-lang:en", Not(Is("lang", "en"))),
            ("a\n  OR b", Or((A, B))),
        ],
    )
    def test_a_query(self, text: str, expected: Node) -> None:
        assert tree(text) == expected

    @pytest.mark.parametrize("text", ["“a b”", "«a b»", "„a b“", "＂a b＂"])
    def test_typographic_quotes_are_quotes(self, text: str) -> None:
        assert tree(text) == Term("a b")

    def test_it_keeps_its_text(self) -> None:
        assert parse_query(' "a"  OR b').text == ' "a"  OR b'

    @pytest.mark.parametrize("word", ["brand", "Brand", "BRAND", "brand,"])
    def test_brand_stands_for_every_spelling(self, word: str) -> None:
        assert tree(word) == Or(tuple(map(Term, WORDS.brand)))

    def test_product_stands_for_every_product(self) -> None:
        assert tree("product") == Or((Term("Nid Douillet"), Term("Plume+")))

    def test_one_name_needs_no_or(self) -> None:
        assert tree("brand", Vocabulary(brand=("Hirondelle",))) == Term("Hirondelle")

    def test_names_without_a_word_are_passed_over(self) -> None:
        assert tree("brand", Vocabulary(brand=("", "!!", " Hirondelle "))) == Term("Hirondelle")

    def test_the_beginning_of_the_brand(self) -> None:
        assert tree("brand*", Vocabulary(brand=("Air", "Hirondelle"))) == Or(
            (Term("Air", True), Term("Hirondelle", True))
        )

    def test_quoted_they_are_plain_words(self) -> None:
        assert tree('"brand" "product"') == And((Term("brand"), Term("product")))

    @pytest.mark.parametrize("text", ["#brand", "@product"])
    def test_as_hashtag_or_account_they_are_plain_words(self, text: str) -> None:
        assert tree(text) == Term(text)

    def test_the_brand_beside_a_word(self) -> None:
        both = Vocabulary(brand=("Air", "Hirondelle"))
        assert tree("brand NEAR/4 colis", both) == Or(
            (Near(Term("Air"), Term("colis"), 4), Near(Term("Hirondelle"), Term("colis"), 4))
        )

    @UNHURRIED
    @given(st.text(max_size=40))
    @example("\ud800")
    @example("a\x00b")
    @example("NEAR/١ a")
    @example("min_followers:²")
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        query = read_or_refused(text)
        if query is not None:
            query.verdict()
            query.matches(post("Mon colis"))

    @pytest.mark.parametrize("text", ["NOT " * 1000 + "a", "-" * 1000 + "a", '""' * 1000 + "a", "(a) " * 1000])
    def test_a_long_one_is_read_or_refused(self, text: str) -> None:
        query = read_or_refused(text)
        assert query is None or query.verdict() is None

    @UNHURRIED
    @given(
        st.lists(
            st.sampled_from('a "b c" #d @e f* AND OR NOT - ( ) NEAR/2 lang:fr brand " * x:'.split(" ")), max_size=14
        )
    )
    def test_any_row_of_its_parts_is_read_or_refused(self, parts: list[str]) -> None:
        query = read_or_refused(" ".join(parts))
        assert query is None or query.matches(post("a b c")) in (True, False)


class TestRefusing:
    @pytest.mark.parametrize(
        ("text", "column", "what"),
        [
            ("", 1, "it is empty"),
            (" \n ", 1, "it is empty"),
            ('a "b c', 3, "the quote that opens here is never closed"),
            ('"a" "', 5, "the quote that opens here is never closed"),
            ("a (b", 3, "the parenthesis that opens here is never closed"),
            ("(a (b)", 1, "the parenthesis that opens here is never closed"),
            ("a b)", 4, "this parenthesis closes none"),
            ("a ()", 4, "there is nothing between the parentheses"),
            ("a AND", 3, "nothing follows AND"),
            ("(a OR) b", 4, "nothing follows OR"),
            ("a NOT", 3, "nothing follows NOT"),
            ("OR a", 1, "nothing stands before OR"),
            ("a OR OR b", 6, "OR cannot follow OR"),
            ("a AND OR b", 7, "OR cannot follow AND"),
            ("a NEAR/3", 3, "NEAR stands between two words or phrases, and none follows"),
            ("a NEAR/3 -b", 3, "NEAR stands between two words or phrases, and none follows"),
            ("NEAR/3 a", 1, "nothing stands before NEAR/3"),
            ("a NEAR b", 3, "NEAR says within how many words (0 to 1000): NEAR/5"),
            ("a NEAR/many b", 3, "NEAR says within how many words"),
            ("a NEAR/-1 b", 3, "NEAR says within how many words"),
            ("a NEAR/1001 b", 3, "NEAR says within how many words"),
            ("a NEAR/2 b NEAR/2 c", 12, "NEAR joins two"),
            ("a NEAR/2 lang:fr", 10, "NEAR stands between two words or phrases, this is neither"),
            ("(a b) NEAR/2 c", 2, "NEAR stands between two words or phrases, this is neither"),
            ("a langs:fr", 3, "there is no field langs: (did you mean lang: ?"),
            ("form:alice", 1, "there is no field form: (did you mean from: ?"),
            (
                "ville:paris",
                1,
                "there is no field ville: (known are lang, network, from, to, has, min_followers; for the words",
            ),
            ("minfollowers:3", 1, "did you mean min_followers: ?"),
            ("https://a.example", 1, 'an address is looked for in quotes: "https://a.example"'),
            ("lang: fr", 1, "lang: has no value; write it without a space, as lang:fr"),
            ('from:""', 1, "from: has no value"),
            ("lang:french", 1, "lang:french names no language tag; write it as lang:fr"),
            ("min_followers:1k", 1, "min_followers:1k names no number of followers; write it as min_followers:1000"),
            ("has:image", 1, "has:image names no thing that is looked for; write it as has:link"),
            ('from:"a b"', 1, 'from:"a b" names no account; write it as from:@alice'),
            ("a !!", 3, "!! holds no word to look for"),
            ('a ""', 3, '"" holds no word to look for'),
            ("a - b", 3, "- holds no word to look for"),
            ("a *", 3, "* holds no word to look for"),
            ("li*son", 1, "in li*son the * stands inside the word; it can only end it"),
            ('"mon coli*"', 1, "the * of a beginning goes after the closing quote"),
            ("colis|paquet", 1, "colis|paquet holds a |; for one or the other write OR"),
            ("#mon-colis", 1, "#mon-colis is no hashtag"),
            ("@a@b@c", 1, "@a@b@c is no account"),
            ("a " * 5001, 10001, "it has 10002 characters, 10000 are allowed"),
            ("(" * 33 + "a" + ")" * 33, 33, "more than 32 parentheses within one another"),
        ],
    )
    def test_it_says_where_and_what(self, text: str, column: int, what: str) -> None:
        told = refusal(text)
        assert f": column {column}: " in told
        assert what in told

    def test_it_shows_the_query(self) -> None:
        assert refusal("a AND").startswith("the query 'a AND': column 3: ")

    def test_of_a_long_query_it_shows_the_place(self) -> None:
        told = refusal(f"{'colis ' * 100}perdu) {'merci ' * 100}")
        assert "perdu)" in told
        assert len(told) < 220

    def test_of_several_lines_it_names_the_line(self) -> None:
        assert ": line 2, column 4: " in refusal("colis\nOR )")

    def test_it_is_one_line(self) -> None:
        assert "\n" not in refusal("colis\nOR )")

    def test_brand_needs_a_name(self) -> None:
        told = refusal("colis brand", Vocabulary(product=("Nid",)))
        assert "column 7: the settings give this brand no name" in told
        assert 'for the plain word write "brand"' in told

    def test_product_needs_products(self) -> None:
        assert "the settings give this brand no products" in refusal("product", Vocabulary(brand=("Air",)))

    def test_too_many_pairs(self) -> None:
        many = Vocabulary(brand=tuple(f"n{i}" for i in range(60)), product=tuple(f"p{i}" for i in range(60)))
        assert "more than 2500 pairs" in refusal("brand NEAR/2 product", many)


# --- matching ------------------------------------------------------------------------------------


class TestWords:
    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("colis", "Mon colis n'est pas arrivé"),
            ("COLIS", "mon Colis"),
            ("ete", "l'ÉTÉ"),
            ("été", "ETE"),
            ("été", "e\u0301te\u0301"),
            ("naïve", "naive"),
            ("coeur", "Cœur"),
            ("cœur", "coeur"),
            ("strasse", "STRAẞE"),
            ("straße", "strasse"),
            ("colis", "ｃｏｌｉｓ"),
            ("office", "o\ufb03ce"),
            ("istanbul", "İstanbul"),
            ("colis", "co\u200blis"),
            ("colis", "co\u00adlis"),
            ("colis", "(colis),"),
            ("colis", "colis.perdu"),
            ("colis", "le_colis"),
            ("hirondelle", "l'hirondelle"),
            ("hirondelle", "d’Hirondelle"),
            ("l’hirondelle", "L'hirondelle"),
            ("monnaie", "porte-monnaie"),
            ("porte-monnaie", "porte monnaie"),
            ("colis", "#colis"),
            ("colis", "#Colis!"),
            ("colis", "#MonColisPerdu"),
            ("colis", "#Colis2026"),
            ("colis", "#mon_colis"),
            ("moncolis", "#MonColis"),
            ("oreal", "#LOréal"),
            ("hirondelle", "@hirondelle merci"),
            ("hirondelle", "@Hirondelle_FR merci"),
            ("hirondelle", "https://www.hirondelle.example/aide"),
            ("😡", "Colis perdu 😡😡"),
            ("❤", "❤️"),
            ("👍", "👍🏽"),
            ("配送", "この配送は遅い"),
            ("привет", "ПРИВЕТ!"),
            ("हिन्दी", "यह हिन्दी है"),
            ("2026", "en 2026."),
        ],
    )
    def test_found(self, query: str, text: str) -> None:
        assert matches(query, text)

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("colis", "colissimo"),
            ("colis", "bricolis"),
            ("colis", "colis2"),
            ("colis", "#moncolis"),
            ("colis", ""),
            ("l'hirondelle", "d'hirondelle"),
            ("मन", "नमन"),
            ("social", "@hirondelle@mastodon.social"),
            ("bsky", "@hirondelle.bsky.social"),
            ("送配", "この配送は遅い"),
        ],
    )
    def test_not_found(self, query: str, text: str) -> None:
        assert not matches(query, text)

    @pytest.mark.parametrize("text", ["livr", "Livraison", "la LIVRÉE", "#LivraisonPerdue"])
    def test_a_beginning(self, text: str) -> None:
        assert matches("livr*", text)

    @pytest.mark.parametrize("text", ["délivrer", "liv raison"])
    def test_a_beginning_is_the_words_own(self, text: str) -> None:
        assert not matches("livr*", text)

    @pytest.mark.parametrize(
        "text",
        [
            "le service client répond",
            "Service-Client",
            "service\nclient",
            "#ServiceClient",
            "#serviceclient",
            "service #client",
        ],
    )
    def test_a_phrase(self, text: str) -> None:
        assert matches('"service client"', text)

    @pytest.mark.parametrize(
        "text", ["client service", "service du client", "service clients", "service", "serviceclient"]
    )
    def test_a_phrase_is_in_a_row(self, text: str) -> None:
        assert not matches('"service client"', text)

    def test_the_beginning_of_a_phrase(self) -> None:
        assert matches('"service cli"*', "nos services, ce service clientèle")
        assert matches('"service cli"*', "#servicecliente")
        assert not matches('"service cli"*', "services client")

    def test_a_phrase_does_not_run_over_the_end_of_a_post(self) -> None:
        assert not matches('"perdu mon"', "#MonColis perdu")

    @pytest.mark.parametrize(
        "text", ["Hirondelle", "d'hirondelle", "chez irondelle", "#AirHirondelle", "#airhirondelle"]
    )
    def test_the_brand(self, text: str) -> None:
        assert matches("brand", text)

    def test_the_word_brand_is_not_the_brand(self) -> None:
        assert not matches("brand", "my favourite brand")
        assert matches('"brand"', "my favourite brand")


class TestHashtagsAndAccounts:
    @pytest.mark.parametrize(
        "text", ["#Colis", "#COLIS,", "un #colis perdu", "＃colis", "(#colis)", "##colis", "#Coli\u0301s"]
    )
    def test_a_hashtag(self, text: str) -> None:
        assert matches("#colis", text)

    @pytest.mark.parametrize(
        "text", ["colis", "#colissimo", "#MonColis", "a#colis", "https://a.example/#colis", "# colis"]
    )
    def test_no_hashtag(self, text: str) -> None:
        assert not matches("#colis", text)

    def test_hashtags_beginnings(self) -> None:
        assert matches("#col*", "#Colissimo")
        assert not matches("#col*", "colissimo")

    @pytest.mark.parametrize("query", ["@hirondelle", "@Hirondelle", "to:hirondelle", "to:@hirondelle"])
    @pytest.mark.parametrize(
        "text",
        [
            "@hirondelle merci",
            "merci @Hirondelle.",
            ".@hirondelle",
            "(@hirondelle)",
            "@hirondelle@mastodon.social",
            "@hirondelle.bsky.social",
            "＠hirondelle",
        ],
    )
    def test_a_mention_with_or_without_its_server(self, query: str, text: str) -> None:
        assert matches(query, text)

    @pytest.mark.parametrize(
        "text",
        ["hirondelle", "@hirondelles", "@hirondelle_fr", "contact@hirondelle.example", "https://a.example/@hirondelle"],
    )
    def test_no_mention(self, text: str) -> None:
        assert not matches("@hirondelle", text)
        assert not matches("to:hirondelle", text)

    def test_a_server_may_be_left_unsaid_but_not_be_another(self) -> None:
        assert matches("@hirondelle@a.example", "@hirondelle@a.example")
        assert matches("@hirondelle@a.example", "@hirondelle")
        assert not matches("@hirondelle@a.example", "@hirondelle@b.example")

    def test_mentions_beginnings(self) -> None:
        assert matches("@hiron*", "@hirondelle_fr")
        assert not matches("@hiron*", "hirondelle")


class TestNear:
    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("colis NEAR/0 perdu", "colis perdu"),
            ("colis NEAR/0 perdu", "perdu, colis"),
            ("colis NEAR/2 perdu", "mon colis est bien perdu"),
            ("colis NEAR/2 perdu", "perdu ! est ce colis"),
            ("colis NEAR/1 perdu", "colis a b c d colis x perdu"),
            ('"mon colis" NEAR/1 perd*', "mon colis est perdue"),
            ("#colis NEAR/1 perdu", "#colis est perdu"),
            ("colis NEAR/1 #perdu", "#colis est #perdu"),
            ("colis NEAR/1 #perdu", "colis est #perdu"),
            ("@hirondelle NEAR/1 merci", "merci à @hirondelle@m.example"),
            ('"service client" NEAR/0 nul', "#serviceclient nul"),
            ("colis NEAR/0 colis", "colis colis"),
            ("brand NEAR/1 colis", "colis chez Hirondelle"),
            ("(colis OR paquet) NEAR/1 (perdu OR volé)", "un paquet est volé"),
        ],
    )
    def test_near(self, query: str, text: str) -> None:
        assert matches(query, text)

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("colis NEAR/1 perdu", "mon colis est bien perdu"),
            ("colis NEAR/0 colis", "colis"),
            ("colis NEAR/9 perdu", "colis"),
            ('"mon colis" NEAR/9 colis', "mon colis"),
            ("NOT colis NEAR/1 perdu", "colis perdu"),
        ],
    )
    def test_not_near(self, query: str, text: str) -> None:
        assert not matches(query, text)

    def test_a_long_text_takes_no_time(self) -> None:
        text = "colis " * 30_000 + "x " * 30 + "perdu " * 30_000
        began = time.process_time()
        assert not matches("colis NEAR/5 perdu", text)
        assert time.process_time() - began < 1


class TestLogic:
    @pytest.mark.parametrize(
        ("query", "wanted", "unwanted"),
        [
            ("a b", "b x a", "a"),
            ("a OR b", "b", "c"),
            ("a -b", "a", "a b"),
            ("-(a b)", "a", "a b"),
            ("-(a OR -b)", "b", "a b"),
            ("a OR (b -(c OR d))", "b", "b c"),
            ("NOT a", "", "a"),
        ],
    )
    def test_operators(self, query: str, wanted: str, unwanted: str) -> None:
        assert matches(query, wanted)
        assert not matches(query, unwanted)

    def test_everything(self) -> None:
        assert Query.everything("x").matches(post(""))

    def test_many_terms_at_once(self) -> None:
        query = " OR ".join([f"mot{i}" for i in range(50)] + ['"deux mots"', "livr*", "#tag", "@compte"])
        for text in ("MOT7", "deux mots", "livré", "#Tag", "@compte@m.example", "#DeuxMots", "un mot49."):
            assert matches(query, text), text
        for text in ("mot50", "mots deux", "tag", "compte", "xmot7"):
            assert not matches(query, text), text

    def test_nesting_as_deep_as_is_allowed(self) -> None:
        query = "NOT (a b OR " * 32 + "c" + ")" * 32
        assert parse_query(query).matches(post("c")) is True
        parse_query(query).needles()
        hash(parse_query(query))

    def test_terms_built_by_hand_without_a_word_match_nothing(self) -> None:
        assert not Query("", Term("!!")).matches(post("!!"))
        assert Query("", Not(Term("!!"))).matches(post("!!"))

    def test_a_query_travels(self) -> None:
        query = parse_query("colis")
        assert query.matches(post("colis"))
        for other in (pickle.loads(pickle.dumps(query)), copy.deepcopy(query)):
            assert other == query
            assert other.matches(post("colis"))


class TestFields:
    @pytest.mark.parametrize("told", ["fr", "FR", "fr-CA", "fr_FR"])
    def test_language(self, told: str) -> None:
        assert matches("lang:fr", "", lang=told)
        assert not matches("-lang:fr", "", lang=told)

    @pytest.mark.parametrize("told", ["en", "frp", "f"])
    def test_another_language(self, told: str) -> None:
        assert not matches("lang:fr", "", lang=told)
        assert matches("-lang:fr", "", lang=told)

    def test_a_region_is_narrower(self) -> None:
        assert matches("lang:fr-CA", "", lang="fr-ca")
        assert not matches("lang:fr-CA", "", lang="fr")

    @pytest.mark.parametrize("told", [None, "", "und", "zxx", "qme"])
    def test_an_unknown_language_is_never_left_out(self, told: str | None) -> None:
        assert matches("lang:fr", "", lang=told)
        assert matches("-lang:fr", "", lang=told)
        assert matches("NOT (lang:fr OR colis)", "", lang=told)

    def test_network(self) -> None:
        assert matches("network:Mastodon", "")
        assert not matches("network:x", "")
        assert matches("-network:x", "")

    @pytest.mark.parametrize("told", ["alice", "@Alice", "alice@m.example", "alice.bsky.social"])
    def test_from(self, told: str) -> None:
        assert matches("from:@alice", "", author=by(told))
        assert matches("from:alice", "", author=by(told))
        assert not matches("-from:alice", "", author=by(told))

    @pytest.mark.parametrize("told", ["alice2", "malice", None])
    def test_from_another(self, told: str | None) -> None:
        assert not matches("from:alice", "@alice", author=by(told))

    def test_from_nobody_known(self) -> None:
        assert not matches("from:alice", "")
        assert matches("-from:alice", "")

    def test_from_a_server(self) -> None:
        assert matches("from:alice@m.example", "", author=by("alice@m.example"))
        assert matches("from:alice@m.example", "", author=by("alice"))
        assert not matches("from:alice@m.example", "", author=by("alice@other.example"))

    def test_to_may_be_told_by_the_network(self) -> None:
        assert matches("to:hirondelle", "merci", attributes={"mentions": ["bob", "@Hirondelle@m.example"]})
        assert not matches("-to:hirondelle", "merci", attributes={"mentions": ["hirondelle"]})
        assert matches("colis OR to:hirondelle", "merci", attributes={"mentions": ["hirondelle"]})

    @pytest.mark.parametrize("told", [None, "hirondelle", [None, 3, {"a": 1}], {"hirondelle": 1}])
    def test_mentions_of_another_shape_are_passed_over(self, told: object) -> None:
        assert not matches("to:hirondelle", "merci", attributes={"mentions": told})

    @pytest.mark.parametrize("text", ["voir https://a.example", "(HTTP://a.example)"])
    def test_has_link(self, text: str) -> None:
        assert matches("has:link", text)
        assert not matches("-has:link", text)

    def test_has_link_told_by_the_network(self) -> None:
        assert matches("has:link", "", attributes={"has_link": True})
        assert not matches("has:link", "", attributes={"has_link": "no"})
        assert not matches("has:link", "https://", attributes={"has_link": False})

    def test_followers(self) -> None:
        assert matches("min_followers:10", "", author=by(followers=10))
        assert not matches("min_followers:10", "", author=by(followers=9))
        assert not matches("min_followers:0", "", author=by())
        assert not matches("min_followers:0", "")
        assert matches("-min_followers:10", "")


# --- against simpler ways to say the same --------------------------------------------------------

LETTERS = st.sampled_from("a b c d".split())
TEXTS = st.lists(st.sampled_from("a b c d e".split()), max_size=6).map(" ".join)
LANGUAGES = st.sampled_from(["fr", "en", "fr-CA"])
LEAVES: st.SearchStrategy[Node] = st.one_of(
    LETTERS.map(Term), st.sampled_from("fr en fr-CA".split()).map(lambda value: Is("lang", value))
)


def combined(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    rows = st.lists(children, min_size=1, max_size=3).map(tuple)
    return st.one_of(rows.map(And), rows.map(Or), children.map(Not))


TREES = st.recursive(LEAVES, combined, max_leaves=10)


def holds(node: Node, words: list[str], lang: str) -> bool:
    match node:
        case Term(text):
            return text in words
        case Is(_, value):
            return f"{lang}-".startswith(f"{value}-")
        case Not(part):
            return not holds(part, words, lang)
        case And(parts):
            return all(holds(part, words, lang) for part in parts)
        case Or(parts):
            return any(holds(part, words, lang) for part in parts)
    raise AssertionError(node)


def written(node: Node) -> str:
    match node:
        case Term(text):
            return text
        case Is(name, value):
            return f"{name}:{value}"
        case Not(part):
            return f"NOT {written(part)}"
        case And(parts):
            return f"({' '.join(map(written, parts))})"
        case Or(parts):
            return f"({' OR '.join(map(written, parts))})"
    raise AssertionError(node)


def asked(clauses: Iterable[Clause]) -> Query:
    """The query that alternatives stand for."""
    return Query(
        "",
        Or(
            tuple(
                And(
                    (
                        *clause.must,
                        *map(Not, clause.without),
                        *(Is(*pair) for pair in clause.fields.items()),
                        *(Not(Is(*pair)) for pair in clause.without_fields),
                    )
                )
                for clause in clauses
            )
        ),
    )


@UNHURRIED
@given(TREES, TEXTS, LANGUAGES)
def test_a_tree_matches_what_logic_says(node: Node, text: str, lang: str) -> None:
    assert Query("", node).matches(post(text, lang=lang)) == holds(node, text.split(), lang)


@UNHURRIED
@given(TREES, TEXTS, LANGUAGES)
def test_what_is_written_is_what_is_read(node: Node, text: str, lang: str) -> None:
    assert parse_query(written(node)).matches(post(text, lang=lang)) == holds(node, text.split(), lang)


@UNHURRIED
@given(TREES, st.lists(st.tuples(TEXTS, LANGUAGES), max_size=5))
def test_the_alternatives_together_are_the_query(node: Node, posts: list[tuple[str, str]]) -> None:
    query = Query("", node)
    alternatives = asked(query.clauses(limit=4096))
    for text, lang in posts:
        assert alternatives.matches(post(text, lang=lang)) == query.matches(post(text, lang=lang))


@UNHURRIED
@given(TREES, TEXTS, LANGUAGES)
def test_no_verdict_is_wrong(node: Node, text: str, lang: str) -> None:
    verdict = Query("", node).verdict()
    if verdict == "matches nothing":
        assert not holds(node, text.split(), lang)


# --- alternatives --------------------------------------------------------------------------------


def alternatives(text: str) -> tuple[Clause, ...]:
    return parse_query(text, WORDS).clauses()


class TestClauses:
    def test_one(self) -> None:
        assert alternatives('colis "mon paquet" -merci lang:fr -from:@bob') == (
            Clause((Term("colis"), Term("mon paquet")), (Term("merci"),), {"lang": "fr"}, (("from", "bob"),)),
        )

    def test_several(self) -> None:
        assert alternatives("(a OR b) (c OR d)") == tuple(
            Clause((Term(one), Term(other))) for one in "ab" for other in "cd"
        )

    def test_everything_has_one_without_conditions(self) -> None:
        assert Query.everything().clauses() == (Clause(),)

    def test_near_is_both_sides(self) -> None:
        assert alternatives("a NEAR/3 b") == (Clause((A, B)),)

    def test_not_near_is_left_to_matching(self) -> None:
        assert alternatives("a -(b NEAR/3 c)") == (Clause((A,)),)

    def test_a_negation_reaches_inside(self) -> None:
        assert alternatives("a -(b OR c)") == (Clause((A,), (B, C)),)
        assert alternatives("a -(b c)") == (Clause((A,), (B,)), Clause((A,), (C,)))

    def test_a_word_is_told_once_as_it_is_written_first(self) -> None:
        assert alternatives("Été ete ÉTÉ") == (Clause((Term("Été"),)),)

    def test_an_alternative_within_another_is_left_out(self) -> None:
        assert alternatives("a OR (a b) OR (c a)") == (Clause((A,)),)

    @pytest.mark.parametrize(
        "text",
        [
            "a -a",
            "Été -ete",
            "livraison -livr*",
            "#colis -colis",
            "livr* -liv*",
            "lang:fr lang:en",
            "lang:fr-CA -lang:fr",
            "network:x network:mastodon",
            "from:alice from:bob",
            "has:link -has:link",
            "min_followers:9 -min_followers:5",
            "a (b -b OR c -c)",
        ],
    )
    def test_what_contradicts_itself_is_left_out(self, text: str) -> None:
        assert alternatives(text) == ()
        assert alternatives(f"({text}) OR z") == (Clause((Term("z"),)),)

    @pytest.mark.parametrize(
        "text",
        [
            "livr* -livraison",
            "colis -#colis",
            "lang:fr lang:fr-CA",
            "lang:fr -lang:fr-CA",
            "from:alice from:alice@m.example",
            "from:alice -from:alice@m.example",
            "to:alice to:bob",
            "min_followers:5 -min_followers:9",
            "a -(a NEAR/2 b)",
        ],
    )
    def test_what_does_not_stays(self, text: str) -> None:
        assert len(alternatives(text)) == 1

    def test_of_two_values_the_narrower_is_kept(self) -> None:
        assert alternatives("min_followers:5 min_followers:9 lang:fr-CA lang:fr")[0].fields == {
            "min_followers": "9",
            "lang": "fr-CA",
        }

    def test_too_many(self) -> None:
        query = parse_query(" ".join(f"(a{i} OR b{i})" for i in range(7)))
        with pytest.raises(BadInput, match=r"^the query '\(a0 OR b0\).*: 128 alternatives, of which 100 can be asked"):
            query.clauses()
        assert len(query.clauses(limit=128)) == 128

    def test_far_too_many_are_refused_at_once(self) -> None:
        query = parse_query(" ".join(f"(a{i} OR b{i})" for i in range(500)))
        began = time.process_time()
        with pytest.raises(BadInput, match="more than 4096 alternatives"):
            query.clauses()
        assert time.process_time() - began < 3


class TestVerdict:
    @pytest.mark.parametrize(
        "text", ["-a", "NOT (a b)", "a OR NOT a", "a OR -lang:fr", "-(a NEAR/2 b)", "a OR (b OR -c)"]
    )
    def test_everything(self, text: str) -> None:
        assert parse_query(text).verdict() == "matches everything"

    def test_no_query_is_everything(self) -> None:
        assert Query.everything().verdict() == "matches everything"

    @pytest.mark.parametrize("text", ["a -a", "lang:fr lang:en", "(a -a) OR (b -B)", "network:x network:reddit c"])
    def test_nothing(self, text: str) -> None:
        assert parse_query(text).verdict() == "matches nothing"

    def test_none_of_no_queries(self) -> None:
        assert Query.any_of([]).verdict() == "matches nothing"

    @pytest.mark.parametrize(
        "text", ["a", "a -b", "lang:fr", "-a network:x", " ".join(f"(a{i} OR b{i})" for i in range(20))]
    )
    def test_neither(self, text: str) -> None:
        assert parse_query(text).verdict() is None


# --- streams -------------------------------------------------------------------------------------


class TestAnyOf:
    def test_it_matches_what_one_of_them_matches(self) -> None:
        query = Query.any_of([parse_query("a b OR c"), parse_query("lang:fr d")])
        assert query.text == "(a b OR c) OR (lang:fr d)"
        assert [query.matches(post(text, lang="fr")) for text in ("a", "b a", "c", "d")] == [False, True, True, True]

    def test_its_text_can_be_read_again(self) -> None:
        query = Query.any_of([parse_query("a b OR c"), parse_query("-d")])
        assert parse_query(query.text).tree == query.tree

    def test_of_none_nothing(self) -> None:
        assert not Query.any_of([]).matches(post("a"))
        assert Query.any_of([]).needles() == frozenset()

    def test_with_everything_everything(self) -> None:
        assert Query.any_of([parse_query("a"), Query.everything()]).tree is None


class TestNeedles:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Colis", {"colis"}),
            ("Été OR œuvre", {"ete", "oeuvre"}),
            ('"mon colis perdu"', {"colis"}),
            ("livr*", {"livr"}),
            ("#Colis", {"#colis"}),
            ("@Hirondelle@m.example", {"@hirondelle"}),
            ("(ab OR cd) NEAR/3 efgh", {"efgh"}),
            ("lang:fr colis -merci", {"colis"}),
            ("(a OR b) colis", {"colis"}),
            ("(colis OR paquet) (a OR lang:fr)", {"colis", "paquet"}),
        ],
    )
    def test_some(self, text: str, expected: set[str]) -> None:
        assert parse_query(text).needles() == frozenset(expected)

    @pytest.mark.parametrize("text", ["-a", "lang:fr", "to:alice", "a OR lang:fr", "NOT (a b)"])
    def test_none(self, text: str) -> None:
        assert parse_query(text).needles() is None

    def test_none_of_everything(self) -> None:
        assert Query.everything().needles() is None


SIGNS = st.one_of(
    st.sampled_from(
        "colis été cœur ſtraße Œuvre Ærø ﬁn ｃｏｌｉｓ e\u0301 ı İ ₨ ㎏ ½ ª ² 配送 привет مرحبا हिन्दी".split()
    ),
    st.sampled_from(list(" '’-_#@./\n\u00ad\u200b\u200d\ufe0f\u0301😡🏽👍❤™…«»“”")),
    st.characters(),
    st.sampled_from(list("abcdeéèßAB12")),
)
SENTENCES = st.lists(SIGNS, max_size=14).map("".join)


def normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> Callable[[str], str]:
    return lambda word: unicodedata.normalize(form, word)


SPELLINGS: list[Callable[[str], str]] = [
    *(str, str.upper, str.lower, folded, plain, "#{}".format, "@{}".format),
    *(normal("NFC"), normal("NFD"), normal("NFKC"), normal("NFKD")),
]


@st.composite
def terms_and_texts(draw: st.DrawFn) -> tuple[list[Term], str]:
    """Terms, of which some are likely to be in the text, in another spelling perhaps."""
    text = draw(SENTENCES)
    cuts = st.tuples(st.integers(0, len(text)), st.integers(0, 8)).map(lambda cut: text[cut[0] : cut[0] + cut[1]])
    spell = st.sampled_from(SPELLINGS)
    drawn = draw(st.lists(st.tuples(st.one_of(cuts, SENTENCES), spell, st.booleans()), min_size=1, max_size=4))
    return [Term(form(word), prefix) for word, form, prefix in drawn], text


class TestPrefilter:
    @settings(max_examples=300, deadline=None)
    @given(terms_and_texts())
    @example(([Term("b_c")], "a\u00adb_c"))
    @example(([Term("@a_b")], "(@a_b"))
    @example(([Term("colis")], "l’colis"))
    @example(([Term("ss")], "aß ß"))
    @example(([Term("2")], "a²"))
    @example(([Term("oncl")], "#oncl #Onclé"))
    @example(([Term("d colis", True)], "d’colisée"))
    def test_what_matches_is_let_through(self, told: tuple[list[Term], str]) -> None:
        terms, text = told
        for query in (*(Query("", term) for term in terms), Query("", Or(tuple(terms)))):
            strings = query.needles()
            assert strings is not None
            if _matches_unfiltered(query, text):
                assert query.matches(post(text))
                assert Prefilter(strings).hits(text)
                assert any(string in folded(text) for string in strings)

    @UNHURRIED
    @given(SENTENCES, st.sampled_from(["{}", "x {} y", "({})", "l’{}!", "{}…"]))
    def test_a_post_that_says_the_term_matches_it(self, word: str, around: str) -> None:
        row = term_words(Term(word))
        if row and not row[0].startswith(("#", "@")) and plain(word).strip().isalnum():
            assert Query("", Term(word)).matches(post(around.format(word)))

    @pytest.mark.parametrize("count", [3, 300])
    def test_it_lets_little_else_through(self, count: int) -> None:
        prefilter = Prefilter(f"mot{i}x" for i in range(count))
        for text in ("Mon colis est perdu", "émot2", "mot2 x", "😡 mot", "#Mot 2x", "", "moT"):
            assert not prefilter.hits(text), text
        for text in ("Mot2x", "é mot2xyz", "😡mot2x", "#AMot2x", "l’MOT2X", "@mot2x", "\u00admot\u00ad2x"):
            assert prefilter.hits(text), text

    def test_of_nothing_nothing(self) -> None:
        assert not Prefilter(()).hits("a")

    @pytest.mark.parametrize("needle", ["привет", "配", "😡", "ﬁ"])
    def test_other_scripts(self, needle: str) -> None:
        prefilter = Prefilter([folded(needle), "colis"])
        assert prefilter.hits(f"é {needle.upper()}!")
        assert prefilter.hits("Colis")
        assert not prefilter.hits("é …")


def _matches_unfiltered(query: Query, text: str) -> bool:
    """The answer of the words themselves, with no filter before them."""
    assert query.tree is not None
    return Query("", Not(Not(query.tree))).matches(post(text))


class TestFolding:
    def test_it_is_the_same_twice(self) -> None:
        every = [chr(code) for code in range(0x3000)] + [chr(code) for code in range(0xA640, 0xABFF)]
        assert [sign for sign in every if folded(folded(sign)) != folded(sign)] == []

    @UNHURRIED
    @given(SENTENCES)
    def test_of_ascii_it_is_lower_case(self, text: str) -> None:
        seen = text.encode("ascii", "ignore").decode()
        assert folded(seen) == seen.lower()

    def test_the_parser_is_loaded_with_the_first_query(self) -> None:
        code = "import sys, listeners.query; sys.exit('lark' in sys.modules or 'ahocorasick' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
