"""`vigie import customers`, `sync`, `quality`, `customer merge|split|history|erase` as an operator meets them."""

import sqlite3
from pathlib import Path

import pytest

from tests.fakes.warm_vigie import WarmVigie

SETTINGS = """
[brand]
id = "hirondelle"
[customers.sources.boutique]
kind = "file"
path = "boutique*.csv"
[customers.sources.erp]
kind = "sql"
url_env = "ERP_URL"
query = "SELECT no AS customer_id, full AS name, mail, changed FROM people"
changed_column = "changed"
columns = { emails = "mail" }
"""
HEADER = "customer_id,name,emails,country\n"
ROWS = "1,Anne Petit,anne@example.org,FR\n2,Anna Petit,anne@example.org,FR\n3,Paul Roux,,France\n"
URL = {"ERP_URL": "sqlite:///crm.db"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vigie.toml").write_text(SETTINGS)
    (tmp_path / "boutique.csv").write_text(HEADER + ROWS)
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("CREATE TABLE people (no TEXT, full TEXT, mail TEXT, changed TEXT)")
        crm.executemany(
            "INSERT INTO people VALUES (?, ?, ?, ?)",
            [("E1", "Zoé Blanc", "zoe@example.org", "2026-11-01"), ("E2", "Ali Ben", "none", "2026-11-02")],
        )
    crm.close()
    return tmp_path


def change(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "crm.db") as crm:
        crm.execute(statement)
    crm.close()


def test_sources_are_followed_and_bad_rows_told(vigie: WarmVigie, folder: Path) -> None:
    first = vigie(folder, "sync", "--json", **URL)
    told = first.json["sources"]
    assert (told["boutique"]["new"], told["boutique"]["rejected"], told["erp"]["new"]) == (2, 1, 2)
    assert told["boutique"]["reasons"] == ["line 4: 3: country must be two letters such as FR (ISO 3166), not 'France'"]
    change(folder, "UPDATE people SET full = 'Zoé Noir', changed = '2026-11-09' WHERE no = 'E1'")
    (folder / "boutique.csv").write_text(HEADER + "1,Anne Petit,anne@example.org,FR\n")
    told = vigie(folder, "sync", "--json", **URL).json["sources"]
    assert (told["boutique"]["gone"], told["boutique"]["same"], told["erp"]["changed"]) == (1, 1, 1)
    history = vigie(folder, "customer", "history", "E1", "--json").json["history"]
    assert {(line["value"], line["until"] is None) for line in history if line["field"] == "name"} == {
        ("Zoé Blanc", False),
        ("Zoé Noir", True),
    }
    erased = vigie(folder, "customer", "erase", "E1", "--yes")
    assert "still told by erp" in erased.err
    assert "erased at" in erased.out


def test_one_source_that_fails_holds_up_no_other_and_the_lag_is_shown(vigie: WarmVigie, folder: Path) -> None:
    done = vigie(folder, "sync")
    assert done.code == 1
    assert "boutique: 3 rows, 2 new" in done.out
    assert "erp: customers.sources.erp: the environment variable ERP_URL is empty" in done.err
    findings = {line["what"]: line for line in vigie(folder, "check", "--json").json["checks"]}
    assert "up to date at" in findings["customer source boutique"]["detail"]
    assert "1 rows could not be used" in findings["customer source boutique"]["detail"]
    assert findings["customer source erp"]["state"] == "broken"
    assert vigie(folder, "sync", "nowhere").err.startswith("vigie: nowhere: no such source")


def test_the_quality_of_the_file_and_what_it_costs(vigie: WarmVigie, folder: Path) -> None:
    vigie(folder, "sync", **URL)
    done = vigie(folder, "quality", "--json", "--propose", "--out", "report.json")
    report = done.json
    assert (report["customers"], report["duplicates"]["pairs"], report["proposed"]) == (4, 1, 1)
    assert report["unusable"]["unusable_emails"] == 1
    assert report["reach"]["asked"] == 4
    assert (folder / "report.json").read_text() == done.out
    assert "What it costs in reach" in vigie(folder, "quality").out


def test_two_records_are_made_one_and_two_again(vigie: WarmVigie, folder: Path) -> None:
    vigie(folder, "sync", "boutique")
    assert vigie(folder, "customer", "merge", "1", "2").out == "2 is the same person as 1\n"
    assert "one person already" in vigie(folder, "customer", "merge", "2", "1").err
    assert [one["customer"]["customer_id"] for one in vigie(folder, "customer", "export", "1").json["same_person"]] == [
        "2"
    ]
    assert vigie(folder, "sync", "boutique", "--json").json["sources"]["boutique"]["changed"] == 0
    assert vigie(folder, "customer", "split", "1", "2").out == "2 is another person than 1\n"
    assert "not one person" in vigie(folder, "customer", "split", "1", "2").err


def test_an_import_takes_what_it_can_and_says_what_it_could_not(vigie: WarmVigie, folder: Path) -> None:
    done = vigie(folder, "import", "customers", "boutique.csv", "--json")
    counts = done.json["files"]["boutique.csv"]
    assert (counts["new"], counts["rejected"]) == (2, 1)
    assert "1 of 3 rows rejected, see boutique.csv.rejected.jsonl" in done.err
    assert vigie(folder, "import", "customers", "boutique.csv", "--json").json["files"]["boutique.csv"]["same"] == 2
