"""Which texts say nearly the same, and that their groups do not depend on the order."""

from itertools import permutations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.copies import alike, group_copies, plain
from storage.posts import store_events
from storage.tables import CopyBandRow, PostRow
from tests.unit.samples import BRAND, NOW, gone, heard

LONG = "Scandaleux, trois semaines que mon colis est bloqué à l'entrepôt et personne ne répond au téléphone"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (LONG, LONG.upper() + " !!! 😡 https://t.example/abc", True),
        (LONG, f"@hirondelle {LONG} #colis", True),
        (LONG, LONG.replace("bloqué", "bloque"), True),
        (LONG, LONG + " depuis 3 jours", False),
        (LONG + " CF7297394413", LONG + " CF7297394414", False),
        (LONG, "Trois semaines sans nouvelles de mon abonnement, le service client ne répond à aucun message", False),
        (LONG, "", False),
    ],
)
def test_what_says_nearly_the_same(one: str, other: str, same: bool) -> None:
    assert alike(plain(one), plain(other)) is same


def groups(session: Session, *texts: str) -> dict[str, str | None]:
    for number, text in enumerate(texts):
        store_events(session, BRAND.id, [heard(text[-9:] + str(number), text)], NOW)
        session.expire_all()
        fresh = session.scalars(select(PostRow).where(PostRow.copy_group.is_(None))).all()
        group_copies(session, BRAND.id, fresh)
    session.flush()
    session.expire_all()
    return {str(row.text): row.copy_group for row in session.scalars(select(PostRow))}


def partition(found: dict[str, str | None]) -> set[frozenset[str]]:
    parts: dict[str | None, set[str]] = {}
    for text, group in found.items():
        parts.setdefault(group, set()).add(text)
    return {frozenset(part) for part in parts.values()}


STEPS = (LONG, LONG + " merci beaucoup à vous", LONG + " merci beaucoup à vous, bravo vraiment les amis")
ELSE = "Rien à redire sur la livraison, mais la facture du mois dernier compte deux fois le même abonnement"


@pytest.mark.parametrize("order", list(permutations((*STEPS, ELSE))))
def test_groups_are_the_same_in_any_order(session: Session, order: tuple[str, ...]) -> None:
    assert not alike(plain(STEPS[0]), plain(STEPS[2])), "only the one between joins these two"
    assert partition(groups(session, *order)) == {frozenset(STEPS), frozenset({ELSE})}


def test_a_short_sentence_is_alike_only_to_the_letter(session: Session) -> None:
    found = groups(session, "Où est mon colis ???", "Où est mon colis ?", "où est  mon colis ?")
    assert found["Où est mon colis ?"] == found["où est  mon colis ?"] != found["Où est mon colis ???"]


def test_a_deleted_post_leaves_no_signature(session: Session) -> None:
    groups(session, LONG)
    [row] = session.scalars(select(PostRow))
    store_events(session, BRAND.id, [gone(row.native_id)], NOW)
    assert session.scalars(select(CopyBandRow)).all() == []
