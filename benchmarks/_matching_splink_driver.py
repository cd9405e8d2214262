"""Splink 5 on DuckDB, run by the Python of its own environment: `python FILE MODE FOLDER`. It knows nothing of Vigie.

`world`: customers.parquet and posts.parquet of the folder, batches of posts against all customers; `febrl`: the two
files of FEBRL4. It prints one JSON document.
"""

import json
import logging
import resource
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_library as compare
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

BATCHES = (1, 100, 500, 2_000)
# Terms that are common prove less; a record without the value proves nothing.
WITH_TERMS = ("first_name", "surname", "city")


def main() -> None:
    """Run the mode that the command line names."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    mode, folder = sys.argv[1], Path(sys.argv[2])
    told = {"world": world, "febrl": febrl}[mode](folder)
    print(json.dumps({**told, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def world(folder: Path) -> dict[str, Any]:
    """Names, town and quoted identifiers compared; m as the posts were made, u by sampling."""
    api = DuckDBAPI()
    start = time.perf_counter()
    customers = _table(api, folder / "customers.parquet", "customers")
    posts = _table(api, folder / "posts.parquet", "posts")
    linker = Linker([customers, posts], _world_settings(_rows(folder / "customers.parquet")))
    for column in WITH_TERMS:
        linker.table_management.compute_tf_table(column)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    prepared = time.perf_counter() - start
    of_batch: dict[str, float] = {}
    for size in filter(_rows(folder / "posts.parquet").__ge__, BATCHES):
        source = f"(select * from '{folder / 'posts.parquet'}' limit {size})"
        some = _table(api, source, f"posts_{size}")
        start = time.perf_counter()
        found = linker.inference.predict_between(
            customers, some, threshold_match_probability=0.01, warning_mode="never"
        )
        of_batch[str(size)] = time.perf_counter() - start
        found.drop_table_from_database_and_remove_from_cache()
    start = time.perf_counter()
    pairs = linker.inference.predict_between(customers, posts, threshold_match_probability=0.01, warning_mode="never")
    spent = time.perf_counter() - start
    best: dict[str, tuple[str, float]] = {}
    for row in pairs.as_record_list():
        left, right = row["unique_id_l"], row["unique_id_r"]
        customer, post = (left, right) if left.startswith("C") else (right, left)
        if row["match_probability"] > best.get(post, ("", 0.0))[1]:
            best[post] = (customer, row["match_probability"])
    return {"seconds_to_prepare": prepared, "seconds_of_batch": of_batch, "seconds": spent, "best": best}


def _world_settings(customers: int) -> SettingsCreator:
    levels = compare.JaroWinklerAtThresholds
    return SettingsCreator(
        link_type="link_only",
        unique_id_column_name="unique_id",
        probability_two_random_records_match=0.3 / customers,
        comparisons=[
            levels("first_name", 0.92).configure(term_frequency_adjustments=True, m_probabilities=[0.8, 0.1, 0.1]),
            levels("surname", 0.92).configure(term_frequency_adjustments=True, m_probabilities=[0.85, 0.1, 0.05]),
            compare.ExactMatch("city").configure(term_frequency_adjustments=True, m_probabilities=[0.9, 0.1]),
            compare.ExactMatch("email").configure(m_probabilities=[0.9, 0.1]),
            compare.ExactMatch("phone").configure(m_probabilities=[0.9, 0.1]),
            compare.ArrayIntersectAtSizes("orders", 1).configure(m_probabilities=[0.9, 0.1]),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("surname", "first_name"),
            block_on("email"),
            block_on("phone"),
            block_on("orders", arrays_to_explode=["orders"]),
        ],
    )


def febrl(folder: Path) -> dict[str, Any]:
    """FEBRL4 by the model of Splink's own example, learnt without labels."""
    start = time.perf_counter()
    api = DuckDBAPI()
    left, right = (_table(api, _febrl(folder / f"dataset4{letter}.csv"), f"febrl_{letter}") for letter in "ab")
    names = compare.JaroWinklerAtThresholds
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="rec_id",
        comparisons=[
            compare.NameComparison("given_name"),
            compare.NameComparison("surname"),
            compare.DamerauLevenshteinAtThresholds("date_of_birth", [1, 2]),
            compare.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            compare.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            compare.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
            names("address_1", [0.95, 0.85]),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("given_name", "surname"),
            block_on("surname", "date_of_birth"),
            block_on("given_name", "date_of_birth"),
            block_on("soc_sec_id"),
            block_on("postcode", "date_of_birth"),
            block_on("address_1", "postcode"),
        ],
    )
    linker = Linker([left, right], settings)
    rules = [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth")]
    linker.training.estimate_probability_two_random_records_match(rules, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("date_of_birth"), block_on("postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.01)
    spent = time.perf_counter() - start
    scored = [(row["rec_id_l"], row["rec_id_r"], row["match_probability"]) for row in pairs.as_record_list()]
    return {"seconds": spent, "pairs": scored}


def _febrl(path: Path) -> str:
    return f"(select * from read_csv('{path}', all_varchar = true, header = true))"


def _table(api: DuckDBAPI, source: Path | str, name: str) -> Any:
    text = f"'{source}'" if isinstance(source, Path) else source
    api.duckdb_con.execute(f"create or replace table input_{name} as select * from {text}")
    return api.register(f"input_{name}", dataset_display_name=name)


def _rows(path: Path) -> int:
    return int(duckdb.sql(f"select count(*) from '{path}'").fetchall()[0][0])


if __name__ == "__main__":
    main()
