"""Sources of the customer file: everything once, then what changed; what goes wrong is told by its type."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.errors import BadInput, Misconfigured, Permanent, Transient
from listeners.crm.base import CustomerSource, SourceBatch, read_row
from listeners.crm.files import FileSource
from listeners.crm.hubspot import HubSpotSource
from listeners.crm.salesforce import SalesforceSource, login_of
from listeners.crm.sql import SqlSource
from tests.fakes.hubspot_server import HubSpotServer
from tests.fakes.salesforce_server import SalesforceServer
from tests.fakes.server import Fault

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def read(source: CustomerSource, cursor: dict[str, Any] | None = None) -> tuple[list[str], list[SourceBatch]]:
    batches = list(source.changed_since(cursor))
    assert batches[0].first
    assert [batch.last for batch in batches] == [False] * (len(batches) - 1) + [True]
    return [customer.customer_id for batch in batches for customer in batch.customers], batches


class TestRows:
    def test_columns_are_read_under_the_names_of_the_settings(self) -> None:
        row = {"no": 7, "Name": "Anne Petit", "tel": "06 11", "mobile": "06 12", "tier": "gold"}
        columns = {"customer_id": "no", "name": "Name", "phones": "tel;mobile"}
        one = read_row(row, columns, "crm")
        assert (one.customer_id, one.phones, dict(one.attributes)) == ("7", ("06 11", "06 12"), {"tier": "gold"})  # type: ignore[union-attr]

    def test_an_address_that_is_none_does_not_cost_the_customer(self) -> None:
        one = read_row({"customer_id": "1", "name": "Anne", "emails": "none;anne@example.org"}, {}, "crm")
        assert (one.emails, one.attributes["unusable_emails"]) == (("anne@example.org",), ["none"])  # type: ignore[union-attr]

    def test_a_row_that_is_no_customer_says_whose_and_why(self) -> None:
        assert read_row({"customer_id": "9", "name": "A", "country": "France"}, {}, "crm").reason.startswith(
            "9: country"
        )  # type: ignore[union-attr]


class TestFiles:
    def test_a_file_is_read_again_when_it_has_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "c.csv"
        path.write_text("customer_id,name\n1,Anne\n2,Paul\n")
        source = FileSource("f", path, {})
        ids, batches = read(source)
        assert (ids, batches[-1].whole) == (["1", "2"], True)
        assert read(source, batches[-1].cursor)[0] == []
        path.write_text("customer_id,name\n1,Anne\n3,Zoé P\n")
        assert read(source, batches[-1].cursor)[0] == ["1", "3"]

    def test_a_pattern_takes_every_file(self, tmp_path: Path) -> None:
        for number in (1, 2):
            (tmp_path / f"{number}.jsonl").write_text(f'{{"no": {number}, "name": "N"}}\n')
        assert read(FileSource("f", tmp_path / "*.jsonl", {"customer_id": "no"}))[0] == ["1", "2"]

    def test_a_file_that_is_still_being_written_does_not_end_the_reading(self, tmp_path: Path) -> None:
        path = tmp_path / "c.csv"
        path.write_text("customer_id,name\n" + "".join(f"{n},Anne\n" for n in range(1500)))
        told = FileSource("f", path, {}).changed_since(None)
        assert not next(told).last
        with path.open("a") as stream:
            stream.write("9999,Paul\n")
        with pytest.raises(Transient, match="has changed while it was read"):
            list(told)

    def test_no_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="no such file"):
            read(FileSource("f", tmp_path / "c.csv", {}))


class TestSql:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "crm.db"
        with sqlite3.connect(path) as crm:
            crm.execute("CREATE TABLE people (no INTEGER, full TEXT, mail TEXT, changed TEXT)")
            rows = [(n, f"Name {n}", f"n{n}@example.org", f"2026-11-0{1 + n % 5} 10:00:00") for n in range(2500)]
            crm.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
        crm.close()
        return path

    def source(self, path: Path, clock: Clock, **more: Any) -> SqlSource:
        facts = {
            "query": "SELECT no AS customer_id, full AS name, mail, changed AS seen FROM people;",
            "columns": {"emails": "mail"},
            "changed_column": "seen",
        }
        return SqlSource("erp", f"sqlite:///{path}", now=clock, **{**facts, **more})

    def test_everything_then_what_changed_then_everything_again(self, path: Path, clock: Clock) -> None:
        source = self.source(path, clock)
        ids, batches = read(source)
        assert (len(set(ids)), [batch.waiting for batch in batches]) == (2500, [1500, 500, 0])
        with sqlite3.connect(path) as crm:
            crm.execute("UPDATE people SET full = 'New', changed = '2026-11-15 09:00:00' WHERE no = 7")
        crm.close()
        cursor = batches[-1].cursor
        ids, later = read(source, cursor)
        assert ("7" in ids, len(ids) < 600, later[0].whole) == (True, True, False)
        assert later[-1].cursor["since"] == ["2026-11-15 09:00:00", "plain"]
        clock.at += timedelta(days=1)
        assert read(source, later[-1].cursor)[1][0].whole
        source.close()

    @pytest.mark.parametrize(
        ("facts", "told"),
        [
            ({"query": "SELECT no FROM nowhere"}, "no such table"),
            ({"changed_column": "later"}, "no such column: told.later"),
            ({"query": "DELETE FROM people"}, "syntax error"),
        ],
    )
    def test_a_query_that_cannot_be_run_is_told(
        self, path: Path, clock: Clock, facts: dict[str, Any], told: str
    ) -> None:
        with pytest.raises((Transient, Misconfigured), match=told):
            read(self.source(path, clock, **facts))

    def test_values_of_a_database_are_read_as_those_of_a_file(
        self, request: pytest.FixtureRequest, clock: Clock
    ) -> None:
        url = request.getfixturevalue("_postgresql_fresh")("template0")
        with psycopg.connect(url.replace("+psycopg", "")) as crm:
            crm.execute(
                "CREATE TABLE people (id uuid, no numeric, name text, photo bytea, opens time, seen timestamptz)"
            )
            crm.execute(
                "INSERT INTO people VALUES ('00000000-0000-0000-0000-000000000007', 7, 'Anne ''t', '\\x00', '09:30', %s)",
                [NOW],
            )
        facts = {
            "query": "SELECT *, ':no' AS colon, no::text AS cast FROM people WHERE seen::date > '2020-01-01'",
            "columns": {"customer_id": "id"},
            "changed_column": "seen",
        }
        source = SqlSource("erp", url, now=clock, **facts)  # type: ignore[arg-type]
        _, (batch,) = read(source)
        (one,) = batch.customers
        assert one.customer_id == "00000000-0000-0000-0000-000000000007"
        assert dict(one.attributes) == {"no": 7, "opens": "09:30:00", "colon": ":no", "cast": "7"}
        assert read(source, batch.cursor)[1][0].customers == [one]
        source.close()

    @pytest.mark.parametrize("url", ["nonsense", "oracle9i://x/y", "://"])
    def test_a_url_that_is_none_is_told_without_it(self, clock: Clock, url: str) -> None:
        with pytest.raises(Misconfigured, match="the database URL cannot be used"):
            SqlSource("erp", url, "SELECT 1", {}, clock)


class TestHubSpot:
    @pytest.fixture
    def server(self) -> Iterator[HubSpotServer]:
        pytest.importorskip("hubspot", reason="needs the extra [hubspot]")
        with HubSpotServer() as server:
            for number in range(250):
                server.contact(
                    str(1000 + number), firstname="Anne", lastname=f"N{number}", email=f"a{number}@example.org"
                )
            yield server

    def source(self, server: HubSpotServer, clock: Clock, columns: dict[str, str] | None = None) -> HubSpotSource:
        return HubSpotSource("hs", "pat-1", columns or {}, clock, server.base_url)

    def test_the_whole_comes_page_by_page(self, server: HubSpotServer, clock: Clock) -> None:
        ids, batches = read(self.source(server, clock))
        assert (len(ids), len(set(ids)), len(batches), batches[0].whole) == (250, 250, 3, True)
        assert batches[0].customers[0].emails == ("a0@example.org",)

    def test_it_goes_on_where_it_was_cut_off(self, server: HubSpotServer, clock: Clock) -> None:
        first = next(iter(self.source(server, clock).changed_since(None)))
        rest = list(self.source(server, clock).changed_since(first.cursor))
        assert (rest[0].first, sum(len(batch.customers) for batch in rest)) == (False, 150)

    def test_then_only_what_changed_and_what_was_archived(self, server: HubSpotServer, clock: Clock) -> None:
        clock.at = server.clock
        cursor = read(self.source(server, clock))[1][-1].cursor
        server.clock += timedelta(hours=1)
        server.contact("1007", lastname="Other")
        server.archive("1008")
        ids, batches = read(self.source(server, clock), cursor)
        assert "1007" in ids
        assert len(ids) < 10  # the overlap of five minutes tells a few again
        assert [gone for batch in batches for gone in batch.gone] == ["1008"]
        assert not batches[0].whole

    def test_a_search_that_is_too_long_is_begun_again(self, server: HubSpotServer, clock: Clock) -> None:
        server.search_end = 200
        cursor = {"since": "2026-11-01T00:00:00+00:00", "whole_at": NOW.isoformat()}
        import listeners.crm.hubspot as module

        before, module.SEARCH_END = module.SEARCH_END, 200
        try:
            ids, _ = read(self.source(server, clock), cursor)
        finally:
            module.SEARCH_END = before
        assert len(set(ids)) == 250

    @pytest.mark.parametrize(
        ("fault", "error", "wait"),
        [
            (Fault(429, {"Retry-After": "7"}, b'{"message": "slow"}'), Transient, 7),
            (Fault(429, {}, b"{}"), Transient, 10),
            (Fault(503, {}, b"<html>"), Transient, 60),
            (Fault(200, {}, b"not json"), Transient, 60),
            (Fault(400, {}, b'{"message": "bad filter"}'), Misconfigured, None),
            (Fault(403, {}, b'{"message": "scopes"}'), Permanent, None),
        ],
        ids=["429", "429-bare", "503", "nonsense", "400", "403"],
    )
    def test_what_goes_wrong_is_told(
        self, server: HubSpotServer, clock: Clock, fault: Fault, error: type[Exception], wait: float | None
    ) -> None:
        server.faults.append(fault)
        with pytest.raises(error) as caught:
            read(self.source(server, clock))
        assert getattr(caught.value, "retry_after", None) == wait
        assert "pat-1" not in str(caught.value)

    def test_an_expired_token_is_told(self, server: HubSpotServer, clock: Clock) -> None:
        server.token = "pat-2"
        with pytest.raises(Permanent, match="refuses the token"):
            read(self.source(server, clock))

    def test_an_unknown_property_is_told(self, server: HubSpotServer, clock: Clock) -> None:
        with pytest.raises(Misconfigured, match="no property fidelity"):
            read(self.source(server, clock, {"segment": "fidelity"}))

    def test_a_server_that_is_gone_is_tried_later(self, clock: Clock) -> None:
        pytest.importorskip("hubspot")
        with pytest.raises(Transient, match="cannot be reached"):
            read(HubSpotSource("hs", "t", {}, clock, "http://127.0.0.1:9"))


class TestSalesforce:
    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SalesforceServer]:
        pytest.importorskip("simple_salesforce", reason="needs the extra [salesforce]")
        monkeypatch.setattr("listeners.crm.salesforce.PAGE", 20)
        with SalesforceServer() as server:
            for number in range(50):
                server.record(
                    f"003{number:012d}", FirstName="Anne", LastName=f"N{number}", Email=f"a{number}@example.org"
                )
            yield server

    def source(self, server: SalesforceServer, clock: Clock, **more: Any) -> SalesforceSource:
        login = login_of(server.base_url, "00D!token", None, None)
        return SalesforceSource("sf", server.base_url, login, more.pop("columns", {}), clock, **more)

    def test_the_whole_comes_in_the_order_of_ids_and_goes_on_where_it_was(
        self, server: SalesforceServer, clock: Clock
    ) -> None:
        ids, batches = read(self.source(server, clock))
        assert (len(set(ids)), len(batches), ids) == (50, 3, sorted(ids))
        rest = list(self.source(server, clock).changed_since(batches[0].cursor))
        assert sum(len(batch.customers) for batch in rest) == 30

    def test_then_only_what_changed_and_what_was_deleted(self, server: SalesforceServer, clock: Clock) -> None:
        clock.at = server.clock
        cursor = read(self.source(server, clock))[1][-1].cursor
        server.clock += timedelta(hours=1)
        server.page = 2
        for number in (3, 4, 5):
            server.record(f"003{number:012d}", LastName="Other")
        server.record("003000000000009", IsDeleted=True)
        ids, batches = read(self.source(server, clock), cursor)
        assert {"003000000000003", "003000000000004", "003000000000005"} <= set(ids)
        assert [gone for batch in batches for gone in batch.gone] == ["003000000000009"]

    def test_a_condition_of_the_operators_holds(self, server: SalesforceServer, clock: Clock) -> None:
        assert len(read(self.source(server, clock, where="LastName = 'N7'"))[0]) == 1
        assert self.source(server, clock).check() == "50 of Contact"

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault(503, {}, b"<html>"), Transient),
            (Fault(403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "m"}]'), Transient),
            (Fault(403, {}, b'[{"errorCode": "INSUFFICIENT_ACCESS", "message": "m"}]'), Permanent),
            (Fault(200, {}, b'{"a": 1}'), Transient),
            (Fault(200, {}, b"not json"), Transient),
        ],
        ids=["503", "limit", "403", "no-page", "nonsense"],
    )
    def test_what_goes_wrong_is_told(
        self, server: SalesforceServer, clock: Clock, fault: Fault, error: type[Exception]
    ) -> None:
        server.faults.append(fault)
        with pytest.raises(error) as caught:
            read(self.source(server, clock))
        assert "00D!token" not in str(caught.value)

    def test_an_expired_token_is_told(self, server: SalesforceServer, clock: Clock) -> None:
        server.token = "other"
        with pytest.raises(Permanent, match="no longer holds"):
            read(self.source(server, clock))

    def test_an_unknown_field_is_told_by_name(self, server: SalesforceServer, clock: Clock) -> None:
        with pytest.raises(Misconfigured, match="Tier__c"):
            read(self.source(server, clock, columns={"segment": "Tier__c"}))

    def test_a_field_is_a_name_and_nothing_else(self, server: SalesforceServer, clock: Clock) -> None:
        with pytest.raises(Misconfigured, match="no name of a field"):
            self.source(server, clock, columns={"segment": "Id FROM User"})
