"""Duplicates by Splink (optional extra): a Fellegi-Sunter model trained on the file itself, without labels.

Its proposals are looked at like any other; nothing is merged by itself. https://moj-analytical-services.github.io/splink/
"""

from collections.abc import Mapping
from logging import WARNING
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.errors import BadInput, Misconfigured
from routing.duplicates import other_first_name
from storage.duplicates import Proposal
from storage.merges import kept_of
from storage.tables import ContactPointRow, CustomerRow

LEAST_PROBABILITY = 0.9
LEAST_RECORDS = 100  # fewer than these tell nothing of how common a name is
SEED = 5


def splink_pairs(session: Session, brand_id: str) -> list[Proposal]:
    """Pairs that Splink takes for one person with at least `LEAST_PROBABILITY`. All records are in memory meanwhile.

    Raises Misconfigured without the extra, BadInput where there are too few records to learn from.
    """
    try:
        import pyarrow
        from splink import DuckDBAPI, Linker, block_on
    except ImportError as error:
        raise Misconfigured("Splink is not installed: pip install '.[splink]'") from error
    records = _records(session, brand_id)
    if len(records) < LEAST_RECORDS:
        raise BadInput(f"{len(records)} records are too few for Splink, which learns from at least {LEAST_RECORDS}")
    linker = _linker(Linker, DuckDBAPI(), pyarrow.Table.from_pylist(records))
    train = linker.training
    train.estimate_probability_two_random_records_match(
        [block_on("email"), block_on("name", "postal_code")], recall=0.7
    )
    train.estimate_u_using_random_sampling(max_pairs=5_000_000, seed=SEED)
    train.estimate_parameters_using_expectation_maximisation(block_on("last_name", "first_name"))
    train.estimate_parameters_using_expectation_maximisation(block_on("postal_code"))
    found = linker.inference.predict(threshold_match_probability=LEAST_PROBABILITY).as_record_list()
    names = {record["id"]: record["first_name"] for record in records}
    return _proposals(session, brand_id, [one for one in found if not _contradict(names, one)])


def _contradict(names: Mapping[int, str | None], pair: Mapping[str, Any]) -> bool:
    """People of one household agree on all the rest, which misleads a model that takes it for independent."""
    return other_first_name(names[pair["id_l"]], names[pair["id_r"]])


def _linker(kind: Any, api: Any, table: Any) -> Any:
    import splink.comparison_library as cl
    from splink import SettingsCreator, block_on

    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        comparisons=[
            cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("last_name").configure(term_frequency_adjustments=True),
            cl.ExactMatch("email"),
            cl.ExactMatch("phone"),
            cl.ExactMatch("postal_code").configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("email"),
            block_on("phone"),
            block_on("last_name", "postal_code"),
            block_on("first_name", "last_name"),
        ],
    )
    return kind(api.register(table), settings, log_level=WARNING)


def _records(session: Session, brand_id: str) -> list[dict[str, Any]]:
    query = select(ContactPointRow.customer_key, ContactPointRow.kind, ContactPointRow.value).where(
        ContactPointRow.brand_id == brand_id, ContactPointRow.until.is_(None), ContactPointRow.kind != "address"
    )
    held: dict[tuple[int, str], str] = {}
    for key, kind, value in session.execute(query.order_by(ContactPointRow.position.desc())):
        held[key, kind] = value
    rows = session.scalars(select(CustomerRow).where(CustomerRow.brand_id == brand_id).order_by(CustomerRow.id))
    return [
        {
            "id": row.id,
            "name": row.name.casefold(),
            "first_name": row.first_name and row.first_name.casefold(),
            "last_name": row.last_name and row.last_name.casefold(),
            "postal_code": row.postal_code,
            "email": held.get((row.id, "email")),
            "phone": held.get((row.id, "phone")),
        }
        for row in rows
    ]


def _proposals(session: Session, brand_id: str, found: list[dict[str, Any]]) -> list[Proposal]:
    pairs = [
        (min(one["id_l"], one["id_r"]), max(one["id_l"], one["id_r"]), float(one["match_probability"])) for one in found
    ]
    kept = kept_of(session, brand_id, {key for first, second, _ in pairs for key in (first, second)})
    return [
        Proposal(first, second, round(chance, 4), (f"Splink: {chance:.4f}",))
        for first, second, chance in pairs
        if kept.get(first, first) != kept.get(second, second)
    ]
