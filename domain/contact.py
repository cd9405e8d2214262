"""What the channel decision looks at, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Literal

from domain.case import Severity
from domain.customer import Consent
from domain.evidence import Grade

CHANNELS = ("email", "sms", "whatsapp", "phone", "letter", "in_app", "push")
# Where customers write to the brand itself: the network of a post → the channel of its answer.
OWN_INBOXES = {"email": "email", "mail": "email", "sms": "sms", "whatsapp": "whatsapp"}


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation with the customer that is going on."""

    channel: str
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """The customer wrote to the brand in this case, from this address on this channel.

    Where `clear` is False his words are no request, or may be a STOP themselves: they open nothing that he shut.
    """

    channel: str
    address: str
    at: datetime
    clear: bool = True


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the decision needs to know of a case.

    `purpose` is `service`, or `safety` where a message protects life or goods: it waits for no morning and no cap.
    """

    id: str
    intent: str
    severity: Severity
    grade: Grade
    opened_at: datetime
    requested_channel: str | None = None
    active_thread: Thread | None = None
    network: str | None = None
    addressed_brand: bool = False
    public_reply_possible: bool = False
    person_in_charge: bool = False
    purpose: str = "service"
    written: tuple[Written, ...] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """The channel a customer likes best, and how that is known: declared, observed or inferred."""

    channel: str
    source: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """One address on one channel. `shared_by` counts the customers who hold it."""

    channel: str
    address: str
    verified: bool = True
    suppressed: str | None = None
    shared_by: int = 1
    changed_at: datetime | None = None
    suppressed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """How likely the customer answers on a channel (0 to 1), and why we think so."""

    channel: str
    probability: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class QuietTime:
    """When a customer himself wants no message: from `start` to `end` of his day, and on these weekdays (0 is Monday).

    Equal times close nothing.
    """

    start: time = time(0, 0)
    end: time = time(0, 0)
    weekdays: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Recipient:
    """The customer, as far as the decision needs to know.

    `region` is the part of his country whose own public holidays he has (ISO 3166-2 without the country, or the
    calendar's name for it); `learned` holds no channel of who does not want his habits learned.
    """

    customer_id: str
    country: str | None = None
    language: str | None = None
    timezone: str | None = None
    status: str = "active"
    preferred_channel: Preference | None = None
    contact_points: tuple[ContactPoint, ...] = ()
    consents: tuple[Consent, ...] = ()
    objections: frozenset[str] = frozenset()
    region: str | None = None
    learned: tuple[Learned, ...] = ()
    quiet: QuietTime | None = None


@dataclass(frozen=True, slots=True)
class PastContact:
    """One earlier message or contact with this customer. Messages of the same `group` went out together: they count
    once.
    """

    at: datetime
    channel: str
    direction: str
    purpose: str = "service"
    proactive: bool = False
    status: str = "delivered"
    case: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything `decide` looks at. `now` is aware."""

    case: CaseFacts
    customer: Recipient | None
    history: tuple[PastContact, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """What a channel's provider allows. `window_hours`: a free text goes only so long after the customer's last word.

    Outside the window a text needs a `template` that the provider has approved, where `needs_template` says so.
    """

    may_write_first: bool = True
    window_hours: float | None = None
    needs_template: bool = False
    has_template: bool = False


@dataclass(frozen=True, slots=True)
class Also:
    """Beside a message on `channel` a short word goes out on `beside`; without `intents` whatever it is about."""

    channel: str
    beside: str
    intents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """The rules of contact; settings may change every one (`[contact]`).

    `unwell_channels` are those whose provider does not answer at the moment. `service_reserve` of the messages that the
    caps allow cannot be used up by marketing. `intrusion_price` is by how much a channel that intrudes one step more
    must be the likelier one to be answered.
    """

    default_order: tuple[str, ...] = ("email", "sms")
    closed_channels: frozenset[str] = frozenset()
    unwell_channels: frozenset[str] = frozenset()
    limits: Mapping[str, ChannelLimits] = field(default_factory=dict)
    also: tuple[Also, ...] = ()
    sensitive_intents: frozenset[str] = frozenset()
    sensitive_channels: frozenset[str] = frozenset({"email", "letter", "phone", "in_app"})
    shared_points: Literal["never", "discreet"] = "never"
    require_consent: bool = True
    min_severity_unaddressed: Severity = Severity.NORMAL
    proactive_per_case: int = 1
    proactive_per_7_days: int = 1
    proactive_per_30_days: int = 2
    service_reserve: int = 1
    unanswered_limit: int = 2
    unanswered_days: float = 90
    intrusion_price: float = 0.02
    thread_hours: float = 72
    changed_address_hours: float = 72
    max_hold_hours: float = 72
    quiet_from: time = time(20, 0)
    quiet_until: time = time(8, 0)
    quiet_weekdays: frozenset[int] = frozenset({6})
    quiet_on_holidays: bool = True
    never_quiet: frozenset[str] = frozenset({"letter"})
    default_timezone: str = "Europe/Paris"
    default_country: str = "FR"
    version: str = "contact-2"


class ContactAction(StrEnum):
    """What `decide` answers."""

    SEND = "send"
    REPLY_IN_PLACE = "reply_in_place"
    ASK_PERSON = "ask_person"
    HOLD = "hold"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A channel that was looked at and not taken."""

    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelDecision:
    """Which channel, when, and why; `order` lists the eligible channels, best first.

    `also` names the channels of a short word beside it, `also_addresses` where that goes. `discreet`: others may read
    along, so nothing tells what it is about.
    """

    case: str
    action: ContactAction
    channel: str | None = None
    address: str | None = None
    send_at: datetime | None = None
    order: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    reasons: tuple[str, ...] = ()
    also_addresses: tuple[str, ...] = ()
    discreet: bool = False

    def as_dict(self) -> dict[str, object]:
        """The object that `vigie decide` prints (CONTRACTS); times in UTC with a `Z`."""
        return {
            "case": self.case,
            "action": self.action.value,
            "channel": self.channel,
            "address": self.address,
            "send_at": None if self.send_at is None else self.send_at.isoformat().replace("+00:00", "Z"),
            "order": list(self.order),
            "also": list(self.also),
            "rejected": [{"channel": r.channel, "reason": r.reason} for r in self.rejected],
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """What may be done with what a network tells (`config/networks.toml` has source and date).

    `match_grades` are the grades of proof that may join its authors to customers;
    `contact_grades` those that may lead to an automatic message; `addressed` says that every post there
    speaks to the brand (a review page, its mailbox). `reply` says who may be answered there: nobody,
    mentioned (who mentioned the brand), owner (everybody, by the owner of the page) or anyone.
    `keep_days` is how long a post may be kept after its network last showed it, None without end;
    `verify_hours` how soon a deletion must be followed, None where nothing can be asked.
    """

    name: str
    match_grades: frozenset[Grade]
    contact_grades: frozenset[Grade]
    reply: Literal["nobody", "mentioned", "owner", "anyone"] = "nobody"
    keep_days: float | None = 30.0
    verify_hours: float | None = 24.0
    addressed: bool = False
    source: str = ""
    read_on: str = ""
    note: str = ""

    def may_reply(self, spoken_to: bool) -> bool:
        """Whether a post may be answered where it stands; `spoken_to` if it mentioned the brand."""
        return self.reply in ("owner", "anyone") or (self.reply == "mentioned" and spoken_to)
