import random

from models.training.noise import noisy


def test_the_same_dice_make_the_same_noise() -> None:
    text = "Pourquoi mon colis est-il toujours bloqué, s'il vous plait ?"
    assert noisy(text, "fr", random.Random(5)) == noisy(text, "fr", random.Random(5))


def test_a_text_survives_every_way() -> None:
    dice = random.Random(1)
    assert all(noisy("Où est mon colis ?", "fr", dice).strip() for _ in range(200))
