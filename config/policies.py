"""The networks' policies, read from `networks.toml`: the code asks the policy, it knows no network by name."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from domain.contact import NetworkPolicy
from domain.evidence import Grade


def network_policy(network: str) -> NetworkPolicy:
    """What may be done with what this network tells; the strict default where nobody has read its terms."""
    policies = _policies()
    return policies.get(network, policies["default"])


@cache
def _policies() -> dict[str, NetworkPolicy]:
    tables = tomllib.loads(resources.files("config").joinpath("networks.toml").read_text(encoding="utf-8"))
    strict = tables["default"]
    found = {"default": _policy("default", strict)}
    for table in tables["policy"]:
        found |= {name: _policy(name, {**strict, **table}) for name in table["networks"]}
    return found


def _policy(name: str, table: dict[str, Any]) -> NetworkPolicy:
    return NetworkPolicy(
        name=name,
        match_grades=frozenset(Grade(grade) for grade in table["match"]),
        contact_grades=frozenset(Grade(grade) for grade in table["contact"]),
        reply=table["reply"],
        keep_days=table["keep_days"] or None,
        verify_hours=table["verify_hours"] or None,
        addressed=table.get("addressed", False),
        source=table["source"],
        read_on=table["read_on"],
        note=table.get("note", ""),
    )
