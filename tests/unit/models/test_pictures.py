from models.pictures import MOST, pictures


def names(text: str) -> list[str]:
    found = list(pictures(text))
    assert all(text[one.start : one.end] == one.text for one in found)
    return [one.value for one in found]


def test_an_emoji_has_a_name() -> None:
    assert names("bravo 😡 👍🏽 👨‍👩‍👧 ❤️ 🇫🇷") == [
        "enraged_face",
        "thumbs_up",
        "family_man_woman_girl",
        "red_heart",
        "France",
    ]


def test_a_run_of_one_emoji_counts_once() -> None:
    assert names("😡😡😡 puis 😡") == ["enraged_face", "enraged_face"]


def test_signs_of_text_are_no_emoji() -> None:
    assert names("2 € « voilà » © … → 100 %") == []


def test_a_page_of_emoji_is_cut() -> None:
    assert len(names("😡👍" * 10_000)) == MOST
