import pytest

from domain.brand import Brand
from models.entities import find_entities
from models.places import load_places


def found(text: str, brand: Brand | None = None) -> list[str]:
    (entities,) = find_entities([text], brand or Brand())
    assert all(text[one.start : one.end] == one.text for one in entities)
    return [one.value for one in entities if one.kind == "place"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("plus de réseau à Brest", "Brest, FR"),
        ("plus de reseau a lamballe", "Lamballe, FR"),
        ("Saint-Étienne est coupé", "Saint-Étienne, FR"),
        ("colis bloqué à St Etienne", "Saint-Étienne, FR"),
        ("no signal in leeds", "Leeds, GB"),
        ("rien dans le Finistère", "Finistère, FR"),
        ("coupure dans l’Ain", "Ain, FR"),
        ("livré en Belgique ?", "Belgique, BE"),
        ("parcel lost in Northern Ireland", "Northern Ireland, GB"),
        ("vol pour Londres annulé", "Londres, GB"),
        ("#Marseille en panne", "Marseille, FR"),
    ],
)
def test_a_place_is_known_however_it_is_written(text: str, place: str) -> None:
    assert found(text) == [place]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("je vis à Nice", "Nice, FR"),
        ("Nice work", None),
        ("have a nice day in march", None),
        ("stuck in Reading since noon", "Reading, GB"),
        ("Reading the contract again", None),
        ("panne à Orange", "Orange, FR"),
        ("Orange ne répond pas", None),
        ("deux tours à Tours", "Tours, FR"),
        ("merci. Florence", None),
        ("ma lens est cassée", None),
    ],
)
def test_a_name_that_means_something_else_needs_a_preposition(text: str, place: str | None) -> None:
    assert found(text) == ([place] if place else [])


def test_of_two_places_of_a_name_the_one_in_the_brands_country_is_meant() -> None:
    assert found("a shop in Boston", Brand(country="GB")) == ["Boston, GB"]
    assert found("a shop in Boston", Brand(country="US")) == ["Boston, US"]


def test_the_brand_is_no_town() -> None:
    assert found("J'ai écrit à Orange", Brand(name="Orange")) == []


def test_names_of_several_words_stand_together() -> None:
    assert found("Los. Angeles") == []
    assert found("Los Angeles") == ["Los Angeles, US"]


def test_the_list_is_whole() -> None:
    names = {place.name for places in load_places().values() for place in places}
    assert {"Paris", "Brest", "Finistère", "France", "Germany", "Allemagne", "London", "Tokyo"} <= names
    assert len(names) > 4000
