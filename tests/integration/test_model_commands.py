"""`vigie evaluate`, `vigie train` and `vigie corrections` as their users meet them."""

import csv
import gzip
import importlib.util
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from storage.corrections import correct
from storage.database import Database
from storage.posts import store_events
from storage.readings import save_reading
from storage.tables import AuditRow, PostRow
from tests.fakes.warm_vigie import WarmVigie
from tests.unit.samples import entity, heard, reading

ROWS = [
    {"text": "Service nul, colis perdu depuis trois semaines", "label": "bad", "lang": "fr"},
    {"text": "Merci, livraison parfaite, tout est réglé", "label": "good", "lang": "fr"},
    {"text": "The worst service ever, I want my money back", "label": "bad", "lang": "en"},
    {"text": "What time do you open?", "label": "odd", "lang": "en"},
    {"text": "rien", "label": "skip"},
]
LABELS = "bad=negative,good=positive,skip="


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    path.write_text("\n".join([*lines, '{"label": "bad"}', "no json"]) + "\n", encoding="utf-8")
    return path


def test_figures_are_one_document_and_say_what_was_left_out(vigie: WarmVigie, posts: Path) -> None:
    done = vigie(
        posts.parent, "evaluate", posts.name, "--task", "sentiment", "--labels", LABELS, "--json", "--out", "f.json"
    )
    assert done.code == 0, done.err
    told = done.json
    assert told == json.loads((posts.parent / "f.json").read_text(encoding="utf-8"))
    assert (told["task"], told["rows"], told["left_out"], told["unknown_labels"]) == ("sentiment", 3, 1, {"odd": 1})
    assert [row["line"] for row in told["bad_rows"]] == [6, 7]
    assert set(told) >= {
        "macro_recall",
        "macro_f1",
        "accuracy",
        "classes",
        "languages",
        "calibration_error",
        "abstained",
    }
    assert "'odd' (1)" in done.err
    assert "line 6" in done.err


def test_the_same_rows_in_another_format_give_the_same_figures(vigie: WarmVigie, posts: Path) -> None:
    folder = posts.parent
    with gzip.open(folder / "rows.csv.gz", "wt", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, ["text", "label", "lang"])
        table.writeheader()
        table.writerows(ROWS)
    command = ("--task", "sentiment", "--labels", LABELS, "--json")
    one, two = (vigie(folder, "evaluate", name, *command).json for name in ("rows.jsonl", "rows.csv.gz"))
    differ = {name for name in one if one[name] != two[name]}
    assert differ == {"file", "bad_rows"}


def test_people_see_tables(vigie: WarmVigie, posts: Path) -> None:
    done = vigie(posts.parent, "evaluate", posts.name, "--task", "sentiment", "--labels", LABELS)
    for words in ("macro recall", "calibration error", "would ask a person", "By label", "By language"):
        assert words in done.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rows.jsonl", "--task", "mood"), "is no task"),
        (("rows.jsonl", "--task", "sentiment"), "no row of it can be used"),
        (("rows.jsonl", "--task", "sentiment", "--labels", "bad=bad"), "sentiment does not have"),
        (("rows.jsonl", "--task", "about_brand", "--labels", "*=yes"), "about which brand"),
        (("missing.jsonl", "--task", "sentiment"), "no such file"),
        (("rows.jsonl", "--task", "sentiment", "--labels", "*=neutral", "--model", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(
    vigie: WarmVigie, posts: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = vigie(posts.parent, "evaluate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_training_says_what_it_lacks(vigie: WarmVigie, tmp_path: Path) -> None:
    assert "no such folder" in vigie(tmp_path, "train", "--data", "nowhere", "--out", "w").err
    done = vigie(tmp_path, "train", "--data", ".", "--out", "w", "--rows", "mine.jsonl")
    assert (done.code, "mine.jsonl: no such file" in done.err) == (2, True)
    if importlib.util.find_spec("torch") is None:
        done = vigie(tmp_path, "train", "--data", ".", "--out", "w")
        assert done.code == 2
        assert 'pip install "vigie[train]"' in done.err


def test_corrections_come_out_as_rows_that_can_be_measured_with(vigie: WarmVigie, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vigie.db'}"
    (tmp_path / "vigie.toml").write_text('[brand]\nname = "Hirondelle"\n', encoding="utf-8")
    assert vigie(tmp_path, "corrections", VIGIE_DATABASE_URL=url).out == ""
    said_at = datetime.now(UTC) - timedelta(days=2)
    fill(Database(url), said_at)
    done = vigie(tmp_path, "corrections", "--out", "c.jsonl", VIGIE_DATABASE_URL=url)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == [{"text": "Hirondelle, ma facture est fausse", "lang": "fr", "intent": "billing", "complaint": 1, "brand": "Hirondelle"}]  # fmt: skip
    assert vigie(tmp_path, "evaluate", "c.jsonl", "--task", "intent", "--json").json["rows"] == 1
    since = (said_at + timedelta(days=1)).date().isoformat()
    assert vigie(tmp_path, "corrections", "--since", since, VIGIE_DATABASE_URL=url).out == ""
    assert vigie(tmp_path, "corrections", "--since", "May", VIGIE_DATABASE_URL=url).code == 2
    with Database(url).read() as session:
        exported = select(func.count()).where(AuditRow.action == "corrections exported")
        assert session.execute(exported).scalar_one() == 3


def fill(database: Database, at: datetime) -> None:
    """One post, corrected."""
    with database.begin() as session:
        store_events(session, "default", [heard("1", "Hirondelle, ma facture est fausse")], datetime.now(UTC))
        post = session.scalars(select(PostRow)).one()
        save_reading(session, post, reading("delivery", entity("brand", "Hirondelle"), complaint=0.2), False, at)
        post.stage = "read"
        session.flush()
        said: dict[str, Any] = {"intent": "billing", "complaint": "yes"}
        correct(session, post.id, 1, said, "anna@example.org", at, 0.5)
    database.close()
