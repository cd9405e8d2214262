"""Names and places of people who do not exist, as often as such names are.

The heads of the lists are common names in the order of about how common they are; the long tail is made of syllables.
How often the name of a rank occurs follows Zipf and Mandelbrot: as 1 / (rank + q) ** s.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, product
from pathlib import Path

import numpy as np

PLACES = Path(__file__).parents[1] / "models" / "places.tsv"
COUNTRIES = ("FR", "GB")
CITIES, FIRST_NAMES, SURNAMES = 600, 2_300, 45_000  # of each country

_FIRST = {
    "FR": """Marie Jean Pierre Michel Nathalie Isabelle Philippe Catherine Nicolas Christophe Patrick Sylvie Alain
    Christine Françoise Laurent Julien Martine Stéphane Sophie Valérie Sandrine Camille Thomas David Céline
    Frédéric Léa Éric Olivier Aurélie Véronique Bernard Julie Stéphanie Christian Daniel Émilie Bruno Gérard
    Alexandre Sébastien Pascal Jacqueline Antoine Chantal Guillaume Thierry Maxime Caroline Pauline
    Dominique Virginie Romain Vincent Anne Claire Élodie Laura Florence Patricia Manon Jérôme Corinne Kévin
    Chloé Emma Brigitte Lucas Benjamin Clément Marine Anthony Louis Mathilde Fabrice Hugo Jacques Xavier
    François Franck Cédric Charlotte Sarah Arnaud Marion Audrey Mélanie Nadine Lucie Delphine Morgane Serge
    Monique Robert Karine Ludovic Hélène Matthieu Jeanne Denis Didier Claude Alice Annie Mohamed Inès Gilles
    Yves Agnès Hervé Gabriel Adrien Arthur Joël Fatima Laetitia Quentin Fanny Justine Yann Raphaël Élise
    Baptiste Nadia Juliette Régis Jules Aline Paul Théo Denise Samuel Mickaël Noémie Damien Lola Cyril Odile
    Cécile Émile Amandine Simon Louise Evelyne Lionel Zoé Fabien Muriel Gaëlle Rémi Amélie Ghislaine Loïc
    Anaïs Mathieu Solène Tristan Capucine Bastien Colette Edouard Maëlle Erwan Rachid Karim Samira Yasmine""",
    "GB": """David John Sarah Susan Paul Michael Peter Margaret James Andrew Mark Christine Patricia Robert Karen
    Richard
    Stephen Julie Christopher Jacqueline Emma Helen William Elizabeth Thomas Daniel Claire Rebecca Alan Ian
    Nicola Linda Laura Matthew Jane Kevin Barbara Simon Anthony Jennifer Samantha Jean Graham Philip Martin
    Amy Charlotte Gary Mary Deborah Anne Janet Jonathan Louise Steven Victoria Kathleen Joanne Lauren
    Alexander Benjamin Sophie Brian Catherine George Adam Joseph Caroline Hannah Edward Neil Jessica Charles
    Rachel Ryan Stephanie Colin Keith Amanda Nigel Lisa Gillian Samuel Lucy Kelly Michelle Joshua Alison
    Maureen Natalie Dorothy Jack Oliver Luke Emily Katherine Olivia Gemma Barry Trevor Derek Leanne Ann Sean
    Ronald Kenneth Adrian Harry Hayley Katie Sheila Craig Zoe Grace Abigail Megan Beth Connor Callum Bethany
    Pamela Sandra Stuart Chloe Tracey Dawn Angela Wendy Timothy Roger Geoffrey Raymond Russell Howard Imran
    Priya Aisha Anil Ravi Nathan Liam Jake Kyle Owen Ellie Molly Poppy Isla Freya Harriet Alfie Archie
    Declan Niamh Siobhan Rhys Gareth Bronwen Fiona Morag Ewan Hamish Angus Kirsty""",
}
_LAST = {
    "FR": """Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux
    David Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre
    Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand Gauthier Garcia Perrin Robin
    Clément Morin Nicolas Henry Roussel Mathieu Gautier Masson Marchand Duval Denis Dumont Marie Lemaire
    Noël Meyer Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud
    Martinez Gérard Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine
    Renaud Dumas Lacroix Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq
    Guillaume Lecomte Lopez Jean Dupuy Guillot Hubert Berger Carpentier Sanchez Dupuis Moulin Louis
    Deschamps Huet Vasseur Perez Boucher Fleury Royer Klein Jacquet Adam Paris Poirier Marty Aubry Guyot
    Carré Charles Renault Charpentier Ménard Maillard Baron Bertin Bailly Hervé Schneider Fernandez Collet
    Léger Bouvier Julien Prévost Millet Perrot Daniel Cousin Germain Breton Besson Langlois Rémy Pelletier
    Lévêque Perrier Leblanc Barré Lebrun Marchal Weber Mallet Hamon Boulanger Jacob Monnier Michaud
    Rodriguez Guichard Gillet Étienne Grondin Poulain Tessier Chevallier Collin Chauvin Bouchet Gay Lemaître
    Benard Maréchal Humbert Reynaud Antoine Hoarau Perret Barthélemy Cordier Pichon Lejeune Gilbert Lamy
    Delaunay Pasquier Carlier Laporte De-la-Tour Le-Goff Le-Gall D'Amico Benali Haddad Diallo Traoré Nguyen
    Tran Da-Silva Ferreira Kaya Ndiaye""",
    "GB": """Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans Walker White
    Roberts Green Hall Thomas Clarke Jackson Wood Harris Edwards Turner Martin Cooper Hill Ward Hughes Moore
    Clark King Harrison Lewis Baker Lee Allen Morris Khan Scott Watson Davis Parker James Bennett Young
    Phillips Richardson Mitchell Bailey Carter Cook Singh Shaw Bell Collins Morgan Kelly Begum Miller Cox
    Hussain Marshall Simpson Price Anderson Adams Wilkinson Murphy Rogers Foster Ellis Gray Chapman Mason
    Webb Gibson Ali Palmer Campbell Robertson Owen Holmes Mills Matthews Knight Powell Lloyd Butler Russell
    Barker Fisher Stevens Jenkins Dixon Hunt Harvey Fletcher Graham Ahmed Stewart Pearson Murray Grant
    Reynolds Andrews Elliott Armstrong Barnes Howard Henderson Ford Payne Spencer Pearce Lawrence Gordon
    Burton Hudson West Walsh Bradley Brooks Stone Cole Hart Day Webster Wells Fox Reid Burns Rose Hunter
    Perry Carr Kaur Cunningham Woods Freeman Dean Lane Bird Hopkins Francis Austin Gardner Macdonald O'Brien
    O'Connor McCarthy Fraser Sutherland Sinclair Okafor Mensah Chowdhury Rahman Kowalski Nowak""",
}
_TAIL = {
    "FR": (
        "Beau Mont Ville Chau Bra Cour Dela Fla Gou Lau Mar Nor Pra Rou Sau Tri Val Ver Bou Cha Dro Fou Gri".split(),
        "ba be bi bo cha che da di fa gue la le li lo ma mi na ne ra ri ro sa si ta ti va vi vo".split(),
        "bert bois champ chet court din don geot geron gnac gnol gnon lier lin lot ment nel net nier quet rac rand "
        "rel rin ron sel teau tier ton val veau vel vier ville zac".split(),
    ),
    "GB": (
        "Ash Bar Black Brad Brack Brom Car Chat Crow Dar Ed Fal Far Gar Hal Har Hen Ken Lang Leigh Mar Nor Oak Pem "
        "Rad Rock Ros Shel Stan Thorn Wal War West Whit Win Wor".split(),
        " ber bor chel der ding er field fer gar ham ing ington ker ley lin mer ming ner per ring sel ster ter".split(),
        "bourne brook by combe cote croft dale den field ford gate ham head hurst land ley low man mere more ridge "
        "shaw son stead stone ton ville wall water well wick wood worth".split(),
    ),
}
NICKNAMES = {
    "Emmanuel": "Manu", "Christophe": "Chris", "Nathalie": "Nath", "Frédéric": "Fred", "Sébastien": "Seb",
    "Alexandre": "Alex", "Benjamin": "Ben", "Stéphanie": "Steph", "Stéphane": "Steph", "Catherine": "Cathy",
    "Philippe": "Phil", "Valérie": "Val", "Mathieu": "Mat", "Véronique": "Véro", "Isabelle": "Isa", "Thomas": "Tom",
    "Christopher": "Chris", "Jonathan": "Jon", "Katherine": "Kate", "Robert": "Bob", "Michael": "Mike", "Daniel": "Dan",
    "Elizabeth": "Liz", "Rebecca": "Becky", "William": "Bill", "Samantha": "Sam", "Stephen": "Steve", "Andrew": "Andy",
    "Jennifer": "Jen", "Anthony": "Tony", "James": "Jim", "Richard": "Rick", "Matthew": "Matt", "Margaret": "Maggie",
    "Nicola": "Nicky", "Edward": "Ted", "Charlotte": "Lottie", "Joseph": "Joe", "Nicolas": "Nico", "Guillaume": "Gui",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class City:
    """A town and a postcode of its shape; the postcode is made up."""

    name: str
    postcode: str


@dataclass(frozen=True, slots=True)
class Stock:
    """The names of one country, commonest first, with the share of people up to each rank."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[City, ...]
    first_up_to: np.ndarray
    last_up_to: np.ndarray
    cities_up_to: np.ndarray


@cache
def stock(country: str) -> Stock:
    """All that people of a country are called; the same in every run."""
    first, last, cities = tuple(_first(country)), tuple(_last(country)), tuple(_cities(country))
    return Stock(
        first, last, cities, _shares(len(first), 8, 1.2), _shares(len(last), 15, 0.95), _shares(len(cities), 2, 0.9)
    )


def _shares(count: int, q: float, s: float) -> np.ndarray:
    weights = 1.0 / (np.arange(1, count + 1) + q) ** s
    return np.cumsum(weights / weights.sum())


def _first(country: str) -> Iterator[str]:
    common = _FIRST[country].split()
    doubles = (f"{one}-{other}" for other in common for one in common[:12] if one != other)
    made = (begin + end for end, begin in product(_FIRST_ENDS[country], _FIRST_BEGINS[country]))
    yield from dict.fromkeys(_take(chain(common, _mixed(made, doubles)), FIRST_NAMES))


_FIRST_BEGINS = {
    "FR": "Aé Béri Clo Dori Élo Fabi Gaé Hono Isau Jori Kéli Lou Maé Nolwé Oria Pervé Romé Soli Thaï Ysé Zéli".split(),
    "GB": "Ada Bry Cory Dell Elo Fern Gwe Haze Ivo Jory Keir Lori Mave Nell Orla Perri Ross Seren Tavi Wren".split(),
}
_FIRST_ENDS = {
    "FR": "lie ne lle rine nne th ane line na ve vane lys mée nie lanne rick gan lian".split(),
    "GB": "n la na ley lyn ra ren dric mond sha th nie ton vin wyn belle line ette".split(),
}


def _mixed(one: Iterator[str], other: Iterator[str]) -> Iterator[str]:
    for pair in zip(other, chain(one, other), strict=False):
        yield from pair


def _last(country: str) -> Iterator[str]:
    common = [name.replace("-", " ") for name in _LAST[country].split()]
    begins, middles, ends = _TAIL[country]
    made = [begin + middle.strip() + end for begin, middle, end in product(begins, middles, ends)]
    np.random.default_rng(1).shuffle(made)
    doubles = (f"{one}-{other}" for one, other in product(common[:80], common[80:]))
    yield from dict.fromkeys(_take(chain(common, made, doubles), SURNAMES))


def _take(names: Iterator[str], count: int) -> Iterator[str]:
    return (name for name, _ in zip(names, range(count), strict=False))


def _cities(country: str) -> Iterator[City]:
    """The largest towns of the list of places, whose names are no words of the language."""
    lines = (line.split("\t") for line in PLACES.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    found = dict.fromkeys(name for name, where, kind, flag in lines if (where, kind, flag) == (country, "city", ""))
    if country == "GB":  # listed with their French names too
        found = dict.fromkeys(name for name in found if name.isascii() and name not in ("Londres", "Douvres"))
    for number, name in enumerate(_take(iter(found), CITIES)):
        if country == "FR":
            yield City(name, f"{1 + number % 95:02d}{10 * (number // 95 % 90) + 10:03d}")
        else:
            yield City(name, f"{name[:2].upper()}{1 + number % 29} {1 + number % 9}{chr(65 + number % 20)}X")
