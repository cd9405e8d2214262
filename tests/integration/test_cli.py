"""The command as its users meet it: exit codes, one clear line for every mistake, nothing lost."""

import csv
import gzip
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fakes.warm_vigie import Done, WarmVigie, cold

POSTS: list[dict[str, Any]] = [
    {
        "network": "mastodon", "id": str(number), "text": f"Mon colis n° {number} n'est pas arrivé « hélas »; vraiment\nrien",
        "created_at": f"2026-11-1{number}T08:00:00+01:00", "url": f"https://m.example/{number}", "lang": "fr", "likes": number,
        "author": {"id": f"a{number}", "handle": "claire@m.example", "name": "Claire Éluard", "created_at": "2019-01-01T00:00:00Z"},
    }
    for number in range(1, 6)
]  # fmt: skip
DECIDE_IN = """
{"case": {"id": "1", "intent": "delivery", "severity": "high", "grade": "stated", "opened_at": "2026-11-20T08:00:00Z",
          "requested_channel": null, "active_thread": {"channel": "email", "last_at": "2026-11-20T07:30:00Z"},
          "network": "mastodon", "addressed_brand": true, "public_reply_possible": true},
 "customer": {"customer_id": "C1", "country": "FR", "language": "fr", "timezone": "Europe/Paris", "status": "active",
              "preferred_channel": {"channel": "sms", "source": "declared", "at": "2026-03-01T10:00:00Z"},
              "contact_points": [{"channel": "sms", "address": "+33612345678", "verified": true, "suppressed": null,
                                  "shared_by": 1, "changed_at": null}],
              "consents": [{"channel": "sms", "purpose": "service", "status": "granted", "at": "2026-03-01T10:00:00Z"}],
              "objections": []},
 "history": [{"at": "2026-10-01T10:00:00Z", "channel": "sms", "direction": "out", "purpose": "service", "proactive": true,
              "status": "delivered"}],
 "now": "2026-11-20T09:00:00Z"}
"""
DECIDE_OUT = """
{"case": "1", "action": "send", "channel": "sms", "address": "+33612345678", "send_at": "2026-11-20T09:00:00Z",
 "order": ["sms"], "also": [], "rejected": [{"channel": "email", "reason": "no_contact_point"}], "reasons": ["stated preference"]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which commands that leave nothing behind may share a database."""
    return tmp_path_factory.mktemp("shared")


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def stored(
    folder: Path, query: str = "SELECT * FROM posts ORDER BY native_id", without: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Rows of the default database; none where no command has made one yet."""
    if not (folder / ".vigie" / "vigie.db").exists():
        return []
    connection = sqlite3.connect(folder / ".vigie" / "vigie.db")
    connection.row_factory = sqlite3.Row
    try:
        return [{key: row[key] for key in row.keys() if key not in without} for row in connection.execute(query)]  # noqa: SIM118
    finally:
        connection.close()


def only_line(done: Done) -> str:
    told = done.err.strip().splitlines()
    assert len(told) == 1, done.err
    assert told[0].startswith("vigie: ")
    return told[0]


def rejected(path: Path) -> list[dict[str, Any]]:
    text = path.with_name(path.name + ".rejected.jsonl").read_text(encoding="ascii")
    return [json.loads(line) for line in text.splitlines()]


REFUSED: dict[str, tuple[bytes | None, str]] = {
    "nowhere.jsonl": (None, "no such file"),
    "posts.txt": (b"{}", "use .jsonl, .csv or .parquet"),
    "empty.csv": (b"", "is empty"),
    "binary.jsonl": (bytes(range(256)) * 40, "no line is a JSON object"),
    "cut.jsonl": (b'{"network": "mastodon", "id": "1", "te', "no line is a JSON object"),
    "array.jsonl": (b"[1, 2]\n", "no line is a JSON object"),
    "latin1.csv": ("network,id,text,created_at\nmastodon,1,né\n".encode("latin-1") * 9, "is not UTF-8"),
    "utf16.csv": ("network,id,text,created_at\n".encode("utf-16"), "is UTF-16"),
    "columns.csv": (b"network,id,created_at\nmastodon,1,2026-11-11T08:00:00Z\n", "has no column text"),
    "quote.csv": (b'"network,id,text,created_at\nmastodon,1', "the header line cannot be read"),
    "binary.parquet": (bytes(range(256)) * 40, "is no Parquet file"),
    "none.jsonl.gz": (b"", "is empty, which no gzip file is"),
    "cut.jsonl.gz": (gzip.compress(lines(POSTS * 50))[:12], "is no whole gzip file"),
    "plain.jsonl.gz": (lines(POSTS), "is no whole gzip file"),
    "bad.jsonl": (lines([{"network": "mastodn", "id": "1", "text": "x", "created_at": "2026-11-11T08:00:00Z"}]), "no row of it could be used"),
}  # fmt: skip
REFUSED["latin1.jsonl"] = (('{"text": "né"}\n' * 3).encode("latin-1"), "no line is a JSON object")


class TestRefusedWhole:
    @pytest.mark.parametrize("name", REFUSED)
    def test_a_file_that_is_no_such_file_ends_in_one_line_and_code_2(
        self, vigie: WarmVigie, folder: Path, name: str
    ) -> None:
        content, told = REFUSED[name]
        if content is not None:
            (folder / name).write_bytes(content)
        done = vigie(folder, "import", "posts", name)
        assert done.code == 2
        assert "Traceback" not in done.err
        assert done.err.strip().splitlines()[-1].startswith(f"vigie: {name}: ")
        assert told in done.err
        assert stored(folder) == []

    @pytest.mark.parametrize("kind", ["customers", "orders", "interactions"])
    def test_so_do_the_other_kinds(self, vigie: WarmVigie, folder: Path, kind: str) -> None:
        (folder / f"{kind}.csv").write_bytes(b"a,b\n1,2\n")
        done = vigie(folder, "import", kind, f"{kind}.csv")
        assert (done.code, done.out) == (2, "")
        assert f"{kind}.csv: has no column" in only_line(done)

    def test_a_folder_is_no_file(self, folder: Path) -> None:
        (folder / "inside.jsonl").mkdir(exist_ok=True)
        done = cold(folder, "import", "posts", "inside.jsonl")
        assert (done.code, done.out) == (2, "")
        assert only_line(done) == "vigie: inside.jsonl: is a folder; name a file"

    def test_an_empty_file_of_lines_holds_nothing_and_that_is_fine(self, vigie: WarmVigie, folder: Path) -> None:
        (folder / "empty.jsonl").write_bytes(b"")
        done = vigie(folder, "import", "posts", "empty.jsonl", "--json")
        assert (done.code, done.json["files"]["empty.jsonl"]["rows"]) == (0, 0)


class TestBadRows:
    MIXED = (
        b"\xef\xbb\xbf" + lines(POSTS[:2])
        + '{"network": "mastodon", "id": "l1", "text": "né", "created_at": "2026-11-11T08:00:00Z"}\n'.encode("latin-1")
        + b'{"network": "mastodon", "id": "t1", "text": "cut off in the midd\n'
        + b'{"network": "mastodon", "id": "n1", "text": "a \\u0000 b", "created_at": "2026-11-11T08:00:00Z"}\n'
        + b'{"network": "mastodon", "id": "s1", "text": "half \\ud83d", "created_at": "2026-11-11T08:00:00Z"}\n'
        + b'{"network": "mastodn", "id": "u1", "text": "x", "created_at": "2026-11-11T08:00:00Z"}\n'
        + b'{"network": "mastodon", "id": "d1", "text": "x", "created_at": "2026-11-11T08:00:00"}\n'
        + lines([POSTS[2] | {"id": "big", "text": "a" * 10_000_000}])
        + b'{"network": "mastodon", "id": "raw", "text": "a \x00 b", "created_at": "2026-11-11T08:00:00Z"}\n'
        + b"\n" + lines(POSTS[2:])
    )  # fmt: skip
    REASONS = (
        (3, "not UTF-8"), (4, "not JSON"), (5, "text holds a NUL"), (6, "half a character"), (7, "nearest known: 'mastodon'"),
        (8, "created_at has no time zone"), (9, "text has 10,000,000 characters"), (10, "not JSON"),
    )  # fmt: skip

    def test_the_good_rows_go_in_and_the_bad_ones_are_kept(self, vigie: WarmVigie, tmp_path: Path) -> None:
        path = tmp_path / "mixed.jsonl"
        path.write_bytes(self.MIXED)
        done = vigie(tmp_path, "import", "posts", "mixed.jsonl", "--json")
        assert done.code == 0
        assert done.json == {
            "files": {
                "mixed.jsonl": {"rows": 13, "rejected": 8, "new": 5, "edited": 0, "deleted": 0, "same": 0, "late": 0}
            }
        }
        assert done.err == "mixed.jsonl: 8 of 13 rows rejected, see mixed.jsonl.rejected.jsonl\n"
        assert [row["native_id"] for row in stored(tmp_path)] == ["1", "2", "3", "4", "5"]
        kept = rejected(path)
        assert [
            (row["line"], reason in row["reason"]) for row, (_, reason) in zip(kept, self.REASONS, strict=True)
        ] == [(line, True) for line, _ in self.REASONS]
        assert '"id": "t1"' in kept[1]["raw"]
        assert "\\xe9" in kept[0]["raw"]
        assert max(len(row["raw"]) for row in kept) <= 10_000

        before = stored(tmp_path)
        again = vigie(tmp_path, "import", "posts", "mixed.jsonl", "--json")
        counts = again.json["files"]["mixed.jsonl"]
        assert (counts["same"], counts["new"], counts["edited"]) == (5, 0, 0)
        assert stored(tmp_path) == before

        path.write_bytes(lines(POSTS))
        vigie(tmp_path, "import", "posts", "mixed.jsonl")
        assert not path.with_name("mixed.jsonl.rejected.jsonl").exists()

    def test_a_broken_quote_loses_no_row_before_it(self, vigie: WarmVigie, tmp_path: Path) -> None:
        good = "network,id,text,created_at\nmastodon,1,un,2026-11-11T08:00:00Z\nmastodon,2,deux,2026-11-11T08:00:00Z\n"
        (tmp_path / "posts.csv").write_text(good + 'mastodon,3,"never closed,2026-11-11T08:00:00Z\nmastodon,4,x,y\n')
        done = vigie(tmp_path, "import", "posts", "posts.csv", "--json")
        assert (done.code, done.json["files"]["posts.csv"]["new"]) == (0, 2)
        kept = rejected(tmp_path / "posts.csv")
        assert [(row["line"], "never closed" in row["reason"]) for row in kept] == [(4, True)]
        assert "mastodon,3" in kept[0]["raw"]

    def test_a_gzip_file_that_is_cut_off_gives_what_it_has(self, vigie: WarmVigie, tmp_path: Path) -> None:
        rows = [POSTS[0] | {"id": str(number)} for number in range(2000)]
        packed = gzip.compress(lines(rows), compresslevel=1)
        (tmp_path / "posts.jsonl.gz").write_bytes(packed[: len(packed) // 2])
        done = vigie(tmp_path, "import", "posts", "posts.jsonl.gz", "--json")
        counts = done.json["files"]["posts.jsonl.gz"]
        assert done.code == 0
        assert (counts["rejected"], counts["new"] > 100) == (1, True)
        assert "damaged or cut off" in rejected(tmp_path / "posts.jsonl.gz")[0]["reason"]

    def test_customers_with_bad_rows_keep_the_good_ones(self, vigie: WarmVigie, tmp_path: Path) -> None:
        text = (
            "customer_id;name;emails;country;consents;loyalty\nC1;Claire Éluard;c@example.org;FR;;gold\n"
            "C2;Paul;no mail;FR;;\nC3;Léa;;France;;\n;Nobody;;;;\nC5;Zoé;;;email:service:granted:2026-01-01;\n"
        )
        (tmp_path / "c.csv").write_text(text, encoding="utf-8-sig")
        done = vigie(tmp_path, "import", "customers", "c.csv")
        assert done.code == 0
        assert done.out == "c.csv: 5 rows, 3 rejected, 2 new, 0 changed, 0 same\n"
        assert "no field for loyalty" in done.err
        assert [row["line"] for row in rejected(tmp_path / "c.csv")] == [3, 4, 5]
        assert [row["customer_id"] for row in stored(tmp_path, "SELECT * FROM customers ORDER BY 1")] == ["C1", "C5"]


def test_every_format_gives_the_same_rows(vigie: WarmVigie, tmp_path: Path) -> None:
    flat = [
        {
            **{key: value for key, value in post.items() if key != "author"},
            **{f"author.{k}": v for k, v in post["author"].items()},
        }
        for post in POSTS
    ]
    table = io.StringIO()
    writer = csv.DictWriter(table, list(flat[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(flat)
    semicolons = table.getvalue().encode("utf-8-sig")
    files = {
        "p.jsonl": lines(POSTS), "p.csv": semicolons, "p.jsonl.gz": gzip.compress(lines(POSTS)), "p.csv.gz": gzip.compress(semicolons),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    pq.write_table(pa.Table.from_pylist(POSTS), tmp_path / "p.parquet")
    found = {}
    for name in [*files, "p.parquet"]:
        url = f"sqlite:///{tmp_path}/.vigie/vigie.db"
        done = vigie(tmp_path, "import", "posts", name, "--json", VIGIE_DATABASE_URL=url)
        assert done.code == 0, done.err
        assert done.json["files"][name]["new"] == 5
        found[name] = stored(tmp_path, without=("heard_at", "verified_at")), stored(tmp_path, "SELECT * FROM authors")
        for path in (tmp_path / ".vigie").glob("vigie.db*"):
            path.unlink()
    assert all(rows == found["p.jsonl"] for rows in found.values())


class TestDecide:
    def test_the_documented_example_gives_exactly_its_answer(self, vigie: WarmVigie, folder: Path) -> None:
        row = json.dumps(json.loads(DECIDE_IN))
        (folder / "situations.jsonl").write_text(f"{row}\n", encoding="utf-8")
        done = vigie(folder, "decide", "situations.jsonl")
        assert (done.code, done.err) == (0, "")
        assert done.json == json.loads(DECIDE_OUT)

    def test_what_is_no_situation_is_kept_and_the_rest_decided(self, vigie: WarmVigie, folder: Path) -> None:
        good = json.loads(DECIDE_IN)
        bad: list[Any] = [
            {},
            good | {"now": "2026-11-20T09:00:00"},
            good | {"case": good["case"] | {"grade": "sure"}},
            good | {"customer": good["customer"] | {"objections": "all"}},
            good
            | {
                "customer": good["customer"]
                | {"contact_points": [good["customer"]["contact_points"][0] | {"shared_by": "many"}]}
            },
            good | {"history": {"at": 1}},
            [1],
        ]
        text = "".join(json.dumps(row) + "\n" for row in [good, *bad]) + "{cut\n\n" + json.dumps(good)
        (folder / "mixed.jsonl").write_text(text, encoding="utf-8")
        done = vigie(folder, "decide", "mixed.jsonl", "--out", "decisions.jsonl")
        assert done.code == 0, done.err
        assert "Traceback" not in done.err
        assert [row["line"] for row in rejected(folder / "mixed.jsonl")] == [2, 3, 4, 5, 6, 7, 8, 9]
        decided = (folder / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in decided] == [json.loads(DECIDE_OUT)] * 2

    def test_a_file_without_any_situation_ends_with_2(self, vigie: WarmVigie, folder: Path) -> None:
        (folder / "none.jsonl").write_bytes(b"\x00\xff\n{}\n")
        done = vigie(folder, "decide", "none.jsonl")
        assert (done.code, done.out) == (2, "")
        assert "no row of it could be used" in done.err


def test_match_answers_a_line_a_post_and_leaves_no_database(vigie: WarmVigie, tmp_path: Path) -> None:
    quoting = POSTS[0] | {"text": "Commande HR4829174637 perdue", "network": "forum"}
    (tmp_path / "p.jsonl").write_bytes(lines([quoting, POSTS[1] | {"deleted": True}, POSTS[2]]))
    (tmp_path / "c.csv").write_text("customer_id,name\nC1,Claire Éluard\nC2,Paul Riou\n", encoding="utf-8")
    (tmp_path / "o.csv").write_text("order_id,customer_id,placed_at\nHR-4829-174637,C1,2026-11-01\n", encoding="utf-8")
    done = vigie(tmp_path, "match", "p.jsonl", "--customers", "c.csv", "--orders", "o.csv")
    assert done.code == 0, done.err
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert (first["network"], first["id"], first["grade"], first["action"], first["customer_id"]) == (
        "forum",
        "1",
        "stated",
        "link",
        "C1",
    )
    assert (second["id"], second["customer_id"]) == ("3", None)
    assert list(first) == ["network", "id", "grade", "action", "customer_id", "candidates", "none_probability", "gates"]
    assert not (tmp_path / ".vigie").exists()


def test_from_nothing_to_an_erased_customer(vigie: WarmVigie, tmp_path: Path) -> None:
    made = vigie(tmp_path, "init", "--name", 'Café "Étoile" \\ Cie', "--alias", "Étoile", "--country", "be")
    assert made.code == 0, made.err
    assert made.out == ""
    assert vigie(tmp_path, "init", "--name", "x").code == 2
    assert vigie(tmp_path, "init", "--name", "x", "--country", "Belgium", "--force", "--out", "y.toml").code == 2

    checked = vigie(tmp_path, "check", "--json")
    states = {line["what"]: line["state"] for line in checked.json["checks"]}
    assert (states["settings"], states["database"], states["listeners"], states["shadow mode"]) == (
        "ok",
        "ok",
        "off",
        "off",
    )
    assert checked.code == (1 if "broken" in states.values() else 0)
    assert 'Café "Étoile" \\ Cie' in checked.json["checks"][0]["detail"]

    (tmp_path / "c.jsonl").write_bytes(
        lines([{"customer_id": "C1", "name": "Zoé [bold]Éluard", "emails": ["z@example.org"]}])
    )
    (tmp_path / "o.jsonl").write_bytes(lines([{"order_id": "HR1", "customer_id": "C1", "placed_at": "2026-11-01"}]))
    assert vigie(tmp_path, "import", "customers", "c.jsonl").code == 0
    assert vigie(tmp_path, "import", "orders", "o.jsonl").code == 0

    shown = vigie(tmp_path, "customer", "show", "C1")
    assert shown.code == 0
    assert shown.out.splitlines()[0] == "C1  Zoé [bold]Éluard  (active)"
    assert "  orders: 1" in shown.out
    vigie(tmp_path, "customer", "export", "C1", "--out", "file.json")
    told = json.loads((tmp_path / "file.json").read_text(encoding="utf-8"))
    assert (told["customer"]["name"], told["orders"][0]["order_id"], len(told["audit"])) == (
        "Zoé [bold]Éluard",
        "HR1",
        1,
    )

    asked = vigie(tmp_path, "customer", "erase", "C1")
    assert asked.code == 130  # nobody was there to say yes
    erased = vigie(tmp_path, "customer", "erase", "C1", "--yes", "--json")
    assert erased.code == 0
    assert erased.json["removed"]["customers"] == erased.json["removed"]["orders"] == 1
    for command in ("show", "export"):
        gone = vigie(tmp_path, "customer", command, "C1")
        assert (gone.code, gone.out) == (2, "")
        assert only_line(gone) == "vigie: C1: no such customer of brand default"


def test_words_are_listed_shown_and_checked(vigie: WarmVigie, tmp_path: Path) -> None:
    (tmp_path / "vigie.toml").write_text(
        '[brand]\nname = "Hirondelle"\n[templates]\nfolder = "words"\n', encoding="utf-8"
    )
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "delivery.fr.toml").write_text('short = "Et le colis ?"', encoding="utf-8")
    listed = vigie(tmp_path, "template", "list", "--json").json["templates"]
    assert {"name": "delivery", "languages": ["en", "fr"], "own": ["delivery.fr.toml"]} in listed
    assert "resolution" in {row["name"] for row in listed}
    shown = vigie(tmp_path, "template", "preview", "delivery", "--channel", "sms", "--language", "fr", "--json").json
    assert "Et le colis ?" in shown["body"]
    assert shown["problems"] == []
    assert vigie(tmp_path, "template", "check").code == 0
    assert vigie(tmp_path, "template", "preview", "nowhere").code == 2
    assert vigie(tmp_path, "template", "preview", "delivery", "--case", "7").code == 2
    (tmp_path / "words" / "billing.fr.toml").write_text('short = "Nous avons vu votre tweet."', encoding="utf-8")
    checked = vigie(tmp_path, "template", "check", "--json")
    assert checked.code == 1
    assert {row["problem"] for row in checked.json["problems"]} == {"surveillance"}


def test_status_prints_one_document(vigie: WarmVigie, folder: Path) -> None:
    done = vigie(folder, "status", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["brands"]["default"]["heard"] == 0


class TestUse:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["fly"],
            ["import"],
            ["import", "dreams", "x"],
            ["import", "posts"],
            ["import", "posts", "x.jsonl", "--colour"],
            ["decide"],
            ["run", "fly"],
        ],
        ids=" ".join,
    )
    def test_what_nobody_knows_ends_with_2(self, vigie: WarmVigie, folder: Path, arguments: list[str]) -> None:
        done = vigie(folder, *arguments)
        assert done.code == 2
        assert "Traceback" not in done.err

    @pytest.mark.parametrize(
        ("variables", "told"),
        [
            ({"VIGIE_CONFIG": "nowhere.toml"}, "nowhere.toml: no such settings file"),
            ({"VIGIE_DATABASE_URL": "mysql://u:secret@h/d"}, "mysql"),
            ({"VIGIE_DATABASE_URL": "nonsense"}, "database: cannot read the URL"),
            ({"VIGIE_BRAND__NAM": "x"}, "did you mean VIGIE_BRAND__NAME?"),
        ],
        ids=str,
    )
    def test_wrong_settings_end_with_2_in_one_line(
        self, vigie: WarmVigie, folder: Path, variables: dict[str, str], told: str
    ) -> None:
        done = vigie(folder, "status", **variables)
        assert (done.code, done.out) == (2, "")
        assert told in only_line(done)
        assert "secret" not in done.err

    def test_which_brand_must_be_said_where_there_are_several(self, vigie: WarmVigie, tmp_path: Path) -> None:
        (tmp_path / "vigie.toml").write_text("[[brands]]\nid = 'a'\n[[brands]]\nid = 'b'\n", encoding="utf-8")
        (tmp_path / "p.jsonl").write_bytes(lines(POSTS))
        done = vigie(tmp_path, "import", "posts", "p.jsonl")
        assert (done.code, only_line(done)) == (2, "vigie: which brand? --brand is one of a, b")
        assert vigie(tmp_path, "import", "posts", "p.jsonl", "--brand", "b").code == 0
        assert {row["brand_id"] for row in stored(tmp_path)} == {"b"}

    def test_help_of_a_cold_start_names_the_commands(self, folder: Path) -> None:
        done = cold(folder, "--help")
        assert (done.code, done.err) == (0, "")
        for command in "init check import run work classify match decide status console customer user demo".split():
            assert command in done.out
