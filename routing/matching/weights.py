"""The weights of evidence: what matching believes until it has learned better, and the version in force.

A fact's weight is log2(m / u): m, how often it agrees where it is the customer; u, how often for anybody else
(Fellegi and Sunter 1969). m is learned from confirmed links, u from the brand's own counts (routing/matching/learning).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from sqlalchemy.orm import Session

from storage.match_weights import weights_in_force

NAME_VIEWS = (
    "name",
    "signed",
    "handle_name",
    "nickname",
    "initial",
    "first_and_initial",
    "first_name",
    "last_name",
)
M_OF_FACT: Mapping[str, str] = {
    "order": "m_identifier",
    "email": "m_identifier",
    "phone": "m_identifier",
    "city": "m_city",
    "recent_order": "m_order",
    "contact": "m_contact",
    **{view: f"m_{view}" for view in NAME_VIEWS},
    "first_signed": "m_name",
}
# The other u come from counts at the time of the match.
U_OF_FACT: Mapping[str, str] = {"city": "u_city", "recent_order": "u_order", "contact": "u_contact"}
NOT_OF_FACT: Mapping[str, tuple[str, str]] = {
    "other_city": ("m_city", "u_city"),
    "no_recent_order": ("m_order", "u_order"),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Probabilities, and two weights in bits; the defaults are those of a prototype with invented posts.

    customer_share: prior that who complains in public is in the file.
    m_identifier: how many customers quote an identifier of theirs; u_stranger_quotes: how many others quote somebody's;
    m_second, u_second: how many of those who quote one quote a second, the customer and whoever holds his label.
    m_ and a view of the name: how many customers show that view of theirs; what strangers show comes from counts.
    common_name: a lone bearer's name counts as no rarer than this.
    m_mailbox: how many customers' handle is what stands before the @ of their e-mail.
    m_city, m_order, m_contact and u_: how many customers, how many others have the same town, a recent order, a recent
    contact.
    experience: bits by pattern of evidence (suspects.pattern), from second looks at decisions drawn by lot.
    """

    version: str = "proof-2"
    customer_share: float = 0.3
    m_identifier: float = 0.14
    u_stranger_quotes: float = 5e-3
    m_second: float = 0.1
    u_second: float = 0.05
    m_name: float = 0.6
    m_signed: float = 0.1
    m_handle_name: float = 0.1
    m_nickname: float = 0.04
    m_initial: float = 0.04
    m_first_and_initial: float = 0.07
    m_first_name: float = 0.08
    m_last_name: float = 0.03
    common_name: float = 1e-3
    m_mailbox: float = 0.25
    m_city: float = 0.7
    u_city: float = 0.02
    m_order: float = 0.67
    u_order: float = 0.11
    m_contact: float = 0.2
    u_contact: float = 0.02
    bits_declared: float = 20.0
    bits_other_name: float = -6.0
    bits_other_first_name: float = -5.0
    bits_other_identifier: float = -8.0
    bits_other_language: float = -2.0
    experience: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)


DEFAULT = Weights()


def load_weights(session: Session, brand_id: str) -> Weights:
    """The newest promoted weights of a brand; the defaults before the first."""
    kept = weights_in_force(session, brand_id)
    return DEFAULT if kept is None else from_dict(kept)


def from_dict(kept: Mapping[str, Any]) -> Weights:
    """Weights as they were kept; what an older version of the program did not know keeps its default."""
    known = {field.name for field in fields(Weights)}
    return replace(DEFAULT, **{name: value for name, value in kept.items() if name in known})
