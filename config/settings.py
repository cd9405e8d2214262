"""Every setting, its meaning and its default. Frozen; an unknown key is refused by name.

`vigie.toml` first, then environment variables `VIGIE_SECTION__KEY` over it. Without a file the
defaults hold. Secrets never stand in the file: they come by `VIGIE_SECTION__KEY`, by a file named in
`VIGIE_SECTION__KEY_FILE`, or from a Prefect Secret block named as `VIGIE_SECTION__KEY=prefect:NAME`.
"""

import re
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, create_model, field_validator, model_validator

from config.care import JourneysSettings, OutcomesSettings, SurveySettings, TemplatesSettings
from config.channels import BrandChannels, ChannelsSettings
from config.contact import DecisionSettings, PreferencesSettings
from config.desks import DesksSettings
from config.rules import PlaybookSettings, SegmentSettings, refuse_strangers, refuse_templates, refuse_twins
from config.section import Section, known_zone
from config.teams import PersonSettings, PrioritySettings, TeamSettings, check_teams
from domain.brand import Brand
from domain.contact import ContactPolicy
from domain.errors import Misconfigured
from listeners.base import ListenerSettings, find_listeners
from listeners.crm.settings import CustomerSourceSettings
from models.hub.spec import HYPOTHESIS, MAX_TOKENS, HeadModel, Source, TopicModel
from routing.joining import SeenAgain
from routing.matching.orders import OrderPattern, compiled

Hours = Annotated[float, Field(gt=0, le=24 * 365)]
# How long a message may wait until it makes no sense any more, by channel; a template's own figure goes before.
EXPIRES_HOURS = {"sms": 24.0, "whatsapp": 24.0, "push": 24.0, "any": 72.0, "letter": 240.0}
Probability = Annotated[float, Field(ge=0, le=1)]


class DatabaseSettings(Section):
    """`url` is any SQLAlchemy URL of SQLite or PostgreSQL; empty means `.vigie/vigie.db` beside the settings."""

    url: str = ""
    busy_seconds: float = Field(30.0, gt=0, le=600)


class OrderPatternSettings(Section):
    """How the shop writes its order numbers, without spaces and hyphens; a number of no pattern identifies nobody."""

    name: str = Field(min_length=1, max_length=60)
    pattern: str = Field(min_length=1)
    checksum: Literal["none", "luhn", "mod97", "mod10", "s10"] = "none"

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        try:
            self.compiled()
        except Misconfigured as error:
            raise ValueError(str(error)) from error
        return self

    def compiled(self) -> OrderPattern:
        """The same as matching's noun."""
        return compiled(self.name, self.pattern, self.checksum)


class BrandSettings(Section):
    """Who listens. `accounts` are the brand's own, as `network:handle`; `aliases` other names people use.

    `misspellings` and `inflections` are further forms of the names, for queries and for finding mentions.
    """

    id: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    name: str = ""
    aliases: tuple[str, ...] = ()
    misspellings: tuple[str, ...] = ()
    inflections: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    website: str = ""
    language: str = "fr"
    country: str = Field("FR", pattern=r"^[A-Z]{2}$")
    timezone: str = "Europe/Paris"
    order_patterns: tuple[OrderPatternSettings, ...] = Field((), max_length=20)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    def brand(self) -> Brand:
        """The same as the domain's noun."""
        return Brand(
            id=self.id,
            name=self.name or None,
            aliases=self.aliases,
            misspellings=self.misspellings,
            inflections=self.inflections,
            products=self.products,
            accounts=self.accounts,
            website=self.website or None,
            language=self.language,
            country=self.country,
            timezone=self.timezone,
        )


class ClockSettings(Section):
    """`offset_seconds` is added to the machine's clock: to rehearse, or to tell the sample brand's day."""

    offset_seconds: float = 0.0


class WorkSettings(Section):
    """How much one step takes, and how long another process must believe that it is at work."""

    batch: int = Field(200, ge=1, le=5000)
    lease_seconds: float = Field(120.0, gt=0, le=86400)


class _Listeners(Section):
    """`queries` are heard wherever a network can be searched; see `docs/listeners.md` for their language.

    What the networks told is kept beside the posts drawn from it (`keep_raw`), as long as the posts are.
    `verify_at_once` is how many stored posts a listener is asked for again in one run of `comply`.
    """

    queries: tuple[str, ...] = ()
    keep_raw: bool = True
    verify_at_once: int = Field(1000, ge=1, le=100_000)

    def of(self, section: str) -> ListenerSettings:
        """The table of one listener."""
        table: ListenerSettings = getattr(self, section)
        return table


def _with_every_listener() -> type[_Listeners]:
    tables: dict[str, Any] = {kind.section: (kind.Settings, kind.Settings()) for kind in find_listeners().values()}
    return create_model("ListenersSettings", __base__=_Listeners, __doc__=_Listeners.__doc__, **tables)


if TYPE_CHECKING:
    ListenersSettings = _Listeners
else:
    ListenersSettings = _with_every_listener()


def _with_a_place(hypothesis: str) -> str:
    """The sentence, if a label has its place in it once."""
    if hypothesis.count("{}") != 1:
        raise ValueError("has no {} where the label stands, or several")
    return hypothesis


Hypothesis = Annotated[str, AfterValidator(_with_a_place)]


class HeadSettings(Section):
    """A Hugging Face model in the place of this head of the reading model; without a `model` the head stays.

    How to choose one, and what it takes: `docs/models.md`.
    """

    model: str = ""
    revision: str = ""
    zero_shot: bool = False
    labels: dict[str, str] = Field(default_factory=dict)
    hypothesis: Hypothesis = HYPOTHESIS
    max_tokens: int = Field(MAX_TOKENS, ge=16, le=4096)
    temperature: float = Field(1.0, ge=0.01, le=100)
    abstain: Probability = 0.0

    @model_validator(mode="after")
    def _names_a_model(self) -> Self:
        if self.model_fields_set and "model" not in self.model_fields_set:
            raise ValueError("needs a model: a name on the hub, or a folder")
        return self

    def spec(self, root: Path) -> HeadModel:
        """The same as the models' noun."""
        plain = self.model_dump(exclude={"model", "revision"})
        return HeadModel(source=Source(self.model, self.revision, root), **plain)


class HeadsSettings(Section):
    language: HeadSettings = HeadSettings()
    sentiment: HeadSettings = HeadSettings()
    intent: HeadSettings = HeadSettings()
    urgency: HeadSettings = HeadSettings()
    complaint: HeadSettings = HeadSettings()
    about_brand: HeadSettings = HeadSettings()
    ironic: HeadSettings = HeadSettings()
    escalation: HeadSettings = HeadSettings()


class TopicsSettings(Section):
    """Labels of one's own, found by an NLI model and kept with each reading; see `docs/models.md`."""

    model: str = ""
    revision: str = ""
    labels: tuple[str, ...] = Field((), max_length=50)
    hypothesis: Hypothesis = HYPOTHESIS
    threshold: Probability = 0.6
    max_tokens: int = Field(MAX_TOKENS, ge=16, le=4096)

    @field_validator("labels")
    @classmethod
    def _differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(label.strip() for label in value) or len(set(value)) < len(value):
            raise ValueError("each label is a few words, and no two are the same")
        return value

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if self.labels and "model" not in self.model_fields_set:
            raise ValueError("labels need a model: an NLI model's name on the hub, or its folder")
        if self.model and not self.labels:
            raise ValueError("a model needs labels to look for")
        return self

    def spec(self, root: Path) -> TopicModel:
        """The same as the models' noun."""
        plain = self.model_dump(exclude={"model", "revision"})
        return TopicModel(source=Source(self.model, self.revision, root), **plain)


class ReadingSettings(Section):
    """`model` is empty for the shipped one, or the folder of another. Thresholds are probabilities."""

    model: str = ""
    about_brand_threshold: Probability = 0.5
    complaint_threshold: Probability = 0.5
    heads: HeadsSettings = HeadsSettings()
    topics: TopicsSettings = TopicsSettings()

    def head_models(self, root: Path) -> dict[str, HeadModel]:
        """The models that take the place of a head, by head."""
        tables: dict[str, HeadSettings] = {name: getattr(self.heads, name) for name in HeadsSettings.model_fields}
        return {name: table.spec(root) for name, table in tables.items() if table.model}

    def topic_model(self, root: Path) -> TopicModel | None:
        """The model of labels of one's own, if there is one."""
        return self.topics.spec(root) if self.topics.model else None


class AuditSettings(Section):
    """The certificate of precision: which share of decisions is looked at again, and how right a grade has to be."""

    link_rate: Probability = 0.1
    refusal_rate: Probability = 0.02
    target_declared: float = Field(0.99, ge=0.5, lt=1)
    target_stated: float = Field(0.99, ge=0.5, lt=1)
    confidence: float = Field(0.95, ge=0.5, lt=1)
    window_days: float = Field(365.0, gt=0)
    shift_days: float = Field(7.0, gt=0)


class LearningSettings(Section):
    """The flow `learn`: how many confirmed links it wants, and how many of them what is believed now counts for."""

    least_links: int = Field(200, ge=20)
    prior_links: float = Field(50.0, gt=0)


class MatchingSettings(Section):
    """`young_account_days`: an account this new that quotes an identifier goes to review.

    `candidate_days`: how long those are known with whom a post was compared in vain. `probe_limit`: an account that
    quotes more different identifiers than this is probing. `start`: whether links act before their grade is certified;
    see `docs/matching.md`.
    """

    young_account_days: float = Field(7.0, ge=0)
    probe_limit: int = Field(3, ge=1)
    block_limit: int = Field(50, ge=1)
    candidate_days: float = Field(7.0, ge=0, le=3660)
    start: Literal["shadow", "acting"] = "shadow"
    start_reason: str = ""
    account_months: int = Field(12, ge=1, le=120)
    audit: AuditSettings = AuditSettings()
    learning: LearningSettings = LearningSettings()

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.start == "acting" and not self.start_reason.strip():
            raise ValueError('start = "acting" needs a start_reason: why links may act before any was audited')
        return self


class CustomersSettings(Section):
    """Where the customer file comes from again and again: a table `[customers.sources.NAME]` each."""

    sources: dict[str, CustomerSourceSettings] = Field(default_factory=dict)

    @field_validator("sources")
    @classmethod
    def _plain_names(cls, value: dict[str, CustomerSourceSettings]) -> dict[str, CustomerSourceSettings]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
                raise ValueError(f"{name!r} is no name for a source: small letters, digits, - and _")
        return value


class CasesSettings(Section):
    """Hours until the first answer and until the resolution, by severity; what becomes of a complaint seen again.

    `seen_again`: whether a settled case that a known customer speaks of again goes on settled, is opened again, or is
    left for a new one.
    """

    seen_again: SeenAgain = "reopen"
    seen_again_days: float = Field(30.0, ge=0, le=3660)
    """Hours until the first answer and until the resolution, by severity. `[[teams]]` may have their own.

    `warn_before`: the share of the time that is left when a warning comes.
    """

    first_answer_high_hours: Hours = 4
    first_answer_normal_hours: Hours = 24
    first_answer_low_hours: Hours = 72
    resolution_high_hours: Hours = 48
    resolution_normal_hours: Hours = 120
    resolution_low_hours: Hours = 240
    warn_before: float = Field(0.25, ge=0, lt=1)


class ContactSettings(DecisionSettings):
    """The rules of contact (see `docs/decisions` and `vigie decide`)."""

    enabled: bool = True
    default_order: tuple[str, ...] = ("email", "sms")
    closed_channels: tuple[str, ...] = ()
    require_consent: bool = True
    min_severity_unaddressed: Literal["high", "normal", "low"] = "normal"
    proactive_per_case: int = Field(1, ge=0)
    proactive_per_30_days: int = Field(2, ge=0)
    thread_hours: Hours = 72
    changed_address_hours: float = Field(72, ge=0)
    max_hold_hours: Hours = 72
    quiet_from: time = time(20, 0)
    quiet_until: time = time(8, 0)
    quiet_weekdays: tuple[int, ...] = (6,)
    quiet_on_holidays: bool = True
    max_attempts: int = Field(8, ge=1)
    fallback: bool = False
    fallback_hours: Hours = 48
    expires_hours: dict[str, Hours] = Field(default_factory=lambda: dict(EXPIRES_HOURS))

    @field_validator("quiet_weekdays")
    @classmethod
    def _weekdays(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(day not in range(7) for day in value):
            raise ValueError("weekdays are 0 (Monday) to 6 (Sunday)")
        return value

    def policy(self, brand: Brand) -> ContactPolicy:
        """The same as the domain's noun, for one brand."""
        sets = ("closed_channels", "quiet_weekdays", "sensitive_intents", "sensitive_channels")
        others = {"enabled", "max_attempts", "also", "safety_intents", "learn_habits", "app_attribute"}
        others |= {"fallback", "fallback_hours", "expires_hours"}
        told: dict[str, Any] = self.model_dump(exclude=others)
        return ContactPolicy(
            **told | {name: frozenset(told[name]) for name in sets},
            also=tuple(rule.rule() for rule in self.also),
            default_timezone=brand.timezone,
            default_country=brand.country,
        )


class ClaimsSettings(Section):
    """Links by which people say, with proof, which customer they are (`docs/claims.md`).

    `base_url` is the public address of the console, such as `https://care.example.org`; without it nobody is asked.
    """

    base_url: str = ""
    hours: Hours = 72
    code_minutes: float = Field(10.0, gt=0, le=60)
    answer_seconds: float = Field(1.0, ge=0, le=10)
    ask_by_itself: bool = False
    ask_again_days: float = Field(30.0, ge=0, le=3660)

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise ValueError(f"{value!r} is no address; write it as https://care.example.org")
        return value.rstrip("/")


class ConsoleSettings(Section):
    """The web application. `secure_cookie` wants HTTPS in front; sessions end after these hours."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    secure_cookie: bool = False
    idle_hours: Hours = 8
    session_hours: Hours = 24
    language: Literal["fr", "en"] = "fr"


class PrefectSettings(Section):
    """`start_seconds`: how long to wait for the local API that is started where none is configured."""

    start_seconds: float = Field(180.0, gt=0, le=3600)


class Settings(Section):
    """The whole of `vigie.toml`. `root` is the folder that relative paths start from."""

    root: Path = Field(Path(), exclude=True)
    database: DatabaseSettings = DatabaseSettings()
    brand: BrandSettings = BrandSettings()
    brands: tuple[BrandSettings, ...] = ()
    clock: ClockSettings = ClockSettings()
    work: WorkSettings = WorkSettings()
    listeners: ListenersSettings = ListenersSettings()
    reading: ReadingSettings = ReadingSettings()
    matching: MatchingSettings = MatchingSettings()
    customers: CustomersSettings = CustomersSettings()
    cases: CasesSettings = CasesSettings()
    priority: PrioritySettings = PrioritySettings()
    teams: tuple[TeamSettings, ...] = ()
    people: tuple[PersonSettings, ...] = ()
    contact: ContactSettings = ContactSettings()
    claims: ClaimsSettings = ClaimsSettings()
    preferences: PreferencesSettings = PreferencesSettings()
    channels: ChannelsSettings = ChannelsSettings()
    desks: DesksSettings = DesksSettings()
    templates: TemplatesSettings = TemplatesSettings()
    survey: SurveySettings = SurveySettings()
    journeys: JourneysSettings = JourneysSettings()
    outcomes: OutcomesSettings = OutcomesSettings()
    console: ConsoleSettings = ConsoleSettings()
    prefect: PrefectSettings = PrefectSettings()
    segments: tuple[SegmentSettings, ...] = ()
    playbooks: tuple[PlaybookSettings, ...] = ()

    @field_validator("segments")
    @classmethod
    def _segments_differ(cls, value: tuple[SegmentSettings, ...]) -> tuple[SegmentSettings, ...]:
        refuse_twins([one.name for one in value])
        return value

    @field_validator("playbooks")
    @classmethod
    def _playbooks_fit(cls, value: tuple[PlaybookSettings, ...], info: ValidationInfo) -> tuple[PlaybookSettings, ...]:
        refuse_twins([one.name for one in value])
        if "segments" in info.data:
            refuse_strangers(value, {one.name for one in info.data["segments"]})
        if "templates" in info.data:
            refuse_templates(value, info.data["templates"].place(info.data["root"]))
        return value

    @model_validator(mode="after")
    def _teams_fit(self) -> Self:
        check_teams(self.teams, self.people)
        return self

    @model_validator(mode="after")
    def _channels_are_of_brands(self) -> Self:
        self.channels.refuse_strangers([brand.id for brand in self.all_brands()])
        return self

    def channels_of(self, brand_id: str) -> BrandChannels:
        """By which accounts a brand writes."""
        return self.channels.of_brand(brand_id, is_only_one=len(self.all_brands()) == 1)

    def all_brands(self) -> tuple[Brand, ...]:
        """Every brand of the installation: `[brand]`, or the list `[[brands]]`."""
        return tuple(section.brand() for section in self.brands) or (self.brand.brand(),)

    def order_patterns(self, brand_id: str) -> tuple[OrderPattern, ...]:
        """How the shop of this brand writes its order numbers; none means that every number may be one."""
        sections = self.brands or (self.brand,)
        return tuple(one.compiled() for section in sections if section.id == brand_id for one in section.order_patterns)

    def path(self, relative: str) -> Path:
        """A path of the settings, from the folder that the settings lie in."""
        return (self.root / relative).absolute()

    def database_url(self) -> str:
        """The URL in force."""
        return self.database.url or f"sqlite:///{self.path('.vigie/vigie.db')}"
