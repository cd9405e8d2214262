"""The one place that knows everybody: puts settings, database, models, listeners and channels together."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from config.care_rules import care_rules, journey_rules
from config.channels import is_on
from config.contact import channel_limits
from config.policies import network_policy
from config.settings import Settings
from config.teams import deadlines_of, staff_of
from domain.after import CARE_TEMPLATES
from domain.brand import Brand
from domain.claim import CLAIM_TEMPLATES
from domain.contact import ContactPolicy
from domain.errors import Misconfigured, VigieError
from domain.evidence import Grade
from domain.team import Staff
from listeners.base import Around, Source, find_listeners
from listeners.crm.base import CustomerSource
from listeners.crm.opening import open_source
from listeners.crm.settings import CustomerSourceSettings
from listeners.query import Query, Vocabulary, parse_query
from models.entities import find_entities
from models.hub.reader import compose
from models.hub.spec import HeadModel, TopicModel
from models.intents import load_intents
from models.reader import Reader, load_reader
from routing import public_reply
from routing.batch import IntakeRules
from routing.care import CareRules, recheck_care
from routing.channels.base import (
    SHADOW,
    Carriers,
    Channel,
    ChannelTable,
    Surroundings,
    carriers_of,
    find_channels,
)
from routing.channels.email import EmailChannel, EmailSettings
from routing.channels.folder import FolderChannel, FolderOptions, FolderSettings
from routing.claim_asking import recheck_claim
from routing.claim_rules import ClaimRules
from routing.contact import ContactRules
from routing.deadlines import Deadlines
from routing.desks.base import Desk, desks_of
from routing.desks.words import DeskRules
from routing.fallback import FallbackRules
from routing.joining import JoinRules
from routing.journey import JourneyRules
from routing.matching.certificate import CertificateRules
from routing.matching.learning import LearningRules
from routing.matching.matcher import MatchRules
from routing.notices import NoticeRules
from routing.outbox import Cancel, Hold
from routing.outcomes import OutcomeRules
from routing.playing import PlayRules
from routing.preferences import PAGE
from routing.preview import MatchContext
from routing.public_reply import ReplyRules
from routing.recheck import last_word
from routing.rekey import renew_keys
from routing.segments import Segment
from routing.upkeep import UpkeepRules
from storage.brands import ensure_brands
from storage.claims import release_dead
from storage.database import Database
from storage.tables import MessageRow


def desk_rules(settings: Settings, name: str) -> DeskRules:
    """What a desk is told, and of which cases."""
    table = settings.desks.tables()[name]
    return DeskRules(
        share=table.share,
        prefix=table.prefix,
        console=settings.claims.base_url,
        language=settings.console.language,
        severities=table.severities,
        teams=dict(table.teams),
    )


class App:
    """Everything an entry point needs. Cheap to make: parts are put together when they are first asked for."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] | None = None) -> None:
        self.settings = settings
        self._clock = clock
        self._listeners: dict[str, tuple[list[Source], dict[str, VigieError]]] = {}

    @cached_property
    def database(self) -> Database:
        """The database at this program's schema, with the brands of the settings in it."""
        database = Database(self.settings.database_url(), self.settings.database.busy_seconds)
        database.upgrade()
        with database.begin() as session:
            ensure_brands(session, self.settings.all_brands(), self.now())
            release_dead(session)
        renew_keys(database)
        return database

    @cached_property
    def reader(self) -> Reader:
        """The reading model, with other models in the place of the heads that the settings name."""
        return compose(self.plain_reader, self.head_models(), self.topic_model())

    @cached_property
    def plain_reader(self) -> Reader:
        """The reading model with its own heads."""
        return load_reader(self.settings.path(self.settings.reading.model) if self.settings.reading.model else None)

    def head_models(self) -> dict[str, HeadModel]:
        """The models from elsewhere, by the head whose place they take."""
        return self.settings.reading.head_models(self.settings.path(""))

    def topic_model(self) -> TopicModel | None:
        """The model of labels of one's own."""
        return self.settings.reading.topic_model(self.settings.path(""))

    def now(self) -> datetime:
        """The time by Vigie's clock (UTC), which may be set off against the machine's."""
        if self._clock is not None:
            return self._clock()
        return datetime.now(UTC) + timedelta(seconds=self.settings.clock.offset_seconds)

    def brand(self, brand_id: str | None = None) -> Brand:
        """A brand of the settings by its id; without one, the only one."""
        brands = {brand.id: brand for brand in self.settings.all_brands()}
        if brand_id is None and len(brands) == 1:
            return next(iter(brands.values()))
        if brand_id is None or brand_id not in brands:
            raise Misconfigured(f"which brand? --brand is one of {', '.join(brands)}")
        return brands[brand_id]

    def sources(self, brand: Brand) -> Sequence[Source]:
        """Every question of every listener that the settings name, for one brand; always in the same order."""
        return self._listening(brand.id)[0]

    def listener_problems(self, brand: Brand) -> Mapping[str, VigieError]:
        """Listeners that cannot be made of their settings, by section; they hold up no other."""
        return self._listening(brand.id)[1]

    def _listening(self, brand_id: str) -> tuple[list[Source], dict[str, VigieError]]:
        if brand_id not in self._listeners:
            around = self.around(self.brand(brand_id))
            found: list[Source] = []
            problems: dict[str, VigieError] = {}
            for kind in find_listeners().values():
                try:
                    found += kind.sources(self.settings.listeners.of(kind.section), around)
                except VigieError as error:
                    problems[kind.section] = error
            self._listeners[brand_id] = (found, problems)
        return self._listeners[brand_id]

    def customer_sources(self, brand: Brand) -> Mapping[str, CustomerSourceSettings]:
        """The sources of a brand's customer file, by name."""
        several = len(self.settings.all_brands()) > 1
        tables = self.settings.customers.sources
        for name, table in tables.items():
            if table.brand not in {one.id for one in self.settings.all_brands()} and (several or table.brand):
                raise Misconfigured(
                    f"customers.sources.{name}: brand says whose customers these are; {table.brand!r} is none"
                )
        return {name: table for name, table in tables.items() if table.brand == brand.id or not table.brand}

    @contextmanager
    def customer_source(self, name: str) -> Iterator[CustomerSource]:
        """One of them, ready to be read, closed at the end."""
        tables = self.settings.customers.sources
        if name not in tables:
            raise Misconfigured(
                f"{name}: no such source in the settings" + (f" (there is {', '.join(tables)})" if tables else "")
            )
        source = open_source(name, tables[name], lambda env: os.environ.get(env) or None, self.settings.path, self.now)
        try:
            yield source
        finally:
            source.close()

    def close(self) -> None:
        """Let listeners' connections and the database go."""
        for sources, _ in self._listeners.values():
            for listener in {id(source.listener): source.listener for source in sources}.values():
                listener.close()
        self._listeners.clear()
        if "database" in self.__dict__:
            self.database.close()

    def around(self, brand: Brand) -> Around:
        """What listeners are made with."""
        vocabulary = Vocabulary(brand.spellings, brand.products)

        def parse(text: str) -> Query:
            return parse_query(text, vocabulary)

        return Around(
            brand=brand,
            now=self.now,
            secret=lambda name: os.environ.get(name) or None,
            path=self.settings.path,
            queries=tuple(parse(text) for text in self.settings.listeners.queries),
            parse=parse,
        )

    def intake_rules(self) -> IntakeRules:
        """What decides how posts become cases."""
        return IntakeRules(
            about_brand=self.settings.reading.about_brand_threshold,
            intents=load_intents(),
            networks=network_policy,
            matching=self.match_rules(),
            certificate=self.certificate_rules(),
            deadlines=self.deadlines(),
            weights=self.settings.priority.weights(),
            joining=self.join_rules(),
        )

    def join_rules(self) -> JoinRules:
        """What decides whether two complaints of one customer are one."""
        cases = self.settings.cases
        return JoinRules(cases.seen_again, timedelta(days=cases.seen_again_days))

    def match_rules(self) -> MatchRules:
        """What decides the gates of matching."""
        matching = self.settings.matching
        return MatchRules(
            young_account=timedelta(days=matching.young_account_days),
            probe_limit=matching.probe_limit,
            block_limit=matching.block_limit,
            order_patterns={brand.id: self.settings.order_patterns(brand.id) for brand in self.settings.all_brands()},
        )

    def certificate_rules(self) -> CertificateRules:
        """What decides which grades act by themselves."""
        matching = self.settings.matching
        return CertificateRules(
            start=matching.start,
            start_reason=matching.start_reason,
            targets={
                Grade.DECLARED: matching.audit.target_declared,
                Grade.STATED: matching.audit.target_stated,
            },
            confidence=matching.audit.confidence,
            window=timedelta(days=matching.audit.window_days),
            link_rate=matching.audit.link_rate,
            refusal_rate=matching.audit.refusal_rate,
            shift=timedelta(days=matching.audit.shift_days),
        )

    def learning_rules(self) -> LearningRules:
        """What the learning of weights wants."""
        learning = self.settings.matching.learning
        return LearningRules(least=learning.least_links, prior=learning.prior_links)

    def account_lasts(self) -> timedelta:
        """How long an account is known to be a customer's, from its proof on."""
        return timedelta(days=round(self.settings.matching.account_months * 365.25 / 12))

    def match_context(self, brand: Brand) -> MatchContext:
        """What matching over a file needs."""
        return MatchContext(
            find_entities=lambda texts: find_entities(texts, brand),
            networks=network_policy,
            rules=self.match_rules(),
            now=self.now(),
        )

    def contact_rules(self, brand: Brand) -> ContactRules:
        """What decides whether, where and when a customer is written to."""
        contact = self.settings.contact
        return ContactRules(
            self.contact_policy(brand),
            load_intents(),
            network_policy,
            self.certificate_rules(),
            expires={name: timedelta(hours=hours) for name, hours in contact.expires_hours.items()},
            templates=self.templates(),
            preferences_url=self.preferences_url(),
            safety_intents=frozenset(contact.safety_intents),
            learn_habits=contact.learn_habits,
            app_attribute=contact.app_attribute,
        )

    def contact_policy(self, brand: Brand) -> ContactPolicy:
        """The rules of the channel decision for a brand, with what the providers of its channels allow."""
        limits = channel_limits(self.settings.channels_of(brand.id).tables)
        return replace(self.settings.contact.policy(brand), limits=limits)

    def preferences_url(self) -> str:
        """The public address below which customers find their own page, "" where there is none."""
        base = self.settings.preferences.base_url or self.settings.claims.base_url
        return f"{base}{PAGE}" if base else ""

    def care_rules(self, brand: Brand) -> CareRules:
        """What decides messages in and after a case: resolutions and surveys."""
        return care_rules(self.settings, self.contact_rules(brand), brand)

    def journey_rules(self) -> JourneyRules:
        """When a customer's way counts as broken."""
        return journey_rules(self.settings)

    def outcome_rules(self) -> OutcomeRules:
        """How the words after a case are followed."""
        return OutcomeRules(timedelta(days=self.settings.outcomes.days), self.settings.reading.about_brand_threshold)

    def play_rules(self, brand: Brand) -> PlayRules:
        """What is done by rule."""
        playbooks = tuple(section.playbook() for section in self.settings.playbooks)
        return PlayRules(playbooks, self.contact_policy(brand), load_intents(), self.templates())

    def templates(self) -> Path | None:
        """The folder with the operator's own words, None where there is none."""
        return self.settings.templates.place(self.settings.path(""))

    def segments(self) -> tuple[Segment, ...]:
        """The segments of the settings."""
        return tuple(section.segment() for section in self.settings.segments)

    def claim_rules(self, brand: Brand) -> ClaimRules:
        """What decides how people are asked who they are."""
        claims = self.settings.claims
        return ClaimRules(
            base_url=claims.base_url,
            lifetime=timedelta(hours=claims.hours),
            code_lifetime=timedelta(minutes=claims.code_minutes),
            identity_lifetime=self.account_lasts(),
            networks=network_policy,
            contact=self.contact_policy(brand),
            contact_on=self.settings.contact.enabled,
            ask_by_itself=claims.ask_by_itself,
            ask_again=timedelta(days=claims.ask_again_days),
            templates=self.templates(),
        )

    def reply_rules(self) -> ReplyRules:
        """Where a person may reply in public."""
        return ReplyRules(network_policy, self.settings.contact.enabled)

    def is_switched_on(self, channel: str, brand_id: str) -> bool:
        """Whether a brand's messages of this channel go out, or wait to, rather than into the folder."""
        kinds, tables = find_channels(), self.settings.channels_of(brand_id).tables
        return any(kinds[name].channel == channel and is_on(table) for name, table in tables.items())

    def carriers(self) -> Carriers:
        """The channels that are switched on, each brand's own where there are several."""
        ids = [brand.id for brand in self.settings.all_brands()]
        return (
            self._carriers_of(ids[0])
            if len(ids) == 1
            else Carriers(brands={id_: self._carriers_of(id_) for id_ in ids})
        )

    def _carriers_of(self, brand_id: str) -> Carriers:
        """The channels that are switched on for a brand, and the folder for all others (shadow mode)."""
        own = self.settings.channels_of(brand_id)
        sender = "" if EmailChannel.name in own.unstated else cast(EmailSettings, own.tables[EmailChannel.name]).sender
        return Carriers(
            self._switched_on(brand_id),
            FolderChannel(FolderOptions(self.outbox_folder(), sender)),
            {find_channels()[name].channel: f"channels.{name}.brands.{brand_id}" for name in own.unstated},
        )

    def _switched_on(self, brand_id: str) -> dict[str, Channel]:
        own = self.settings.channels_of(brand_id)
        try:
            return carriers_of({name: own.tables[name] for name in own.on()}, self.surroundings())
        except Misconfigured as error:
            if len(self.settings.all_brands()) == 1:
                raise
            raise Misconfigured(f"{error} (brand {brand_id})") from None

    def accounts(self, name: str) -> list[tuple[Channel, list[str]]]:
        """The accounts of a carrier that is switched on, each with the brands that it is of. Raises Misconfigured."""
        found: list[tuple[ChannelTable, list[str]]] = []
        for brand in self.settings.all_brands():
            table = self.settings.channels_of(brand.id).tables.get(name)
            if table is None or not is_on(table):
                continue
            same = next((ids for known, ids in found if known == table), None)
            if same is None:
                found.append((table, [brand.id]))
            else:
                same.append(brand.id)
        return [(find_channels()[name].make(table, self.surroundings()), ids) for table, ids in found]

    def surroundings(self) -> Surroundings:
        """What carriers are made with."""
        return Surroundings(
            now=self.now,
            path=self.settings.path,
            public_url=self.settings.claims.base_url,
            database=lambda: self.database,
            policy=lambda brand_id: self.settings.contact.policy(self.brand(brand_id)),
        )

    def fallback_rules(self, brand: Brand) -> FallbackRules:
        """What decides whether another way is taken where a message did not arrive."""
        contact = self.settings.contact
        told = frozenset(name for name, carrier in self._switched_on(brand.id).items() if carrier.receipts)
        return FallbackRules(contact.fallback, timedelta(hours=contact.fallback_hours), told)

    def desk_names(self, brand: Brand) -> tuple[str, ...]:
        """The outside desks that are switched on for a brand."""
        tables = self.settings.desks.tables()
        return tuple(name for name, table in tables.items() if table.on and self._is_for(table.brand, brand))

    def desk(self, name: str) -> Desk:
        """One of them; close it when done."""
        return desks_of({name: self.settings.desks.tables()[name]}, self.now)[name]

    def desk_rules(self, name: str) -> DeskRules:
        """What a desk is told, and of which cases."""
        return desk_rules(self.settings, name)

    def _is_for(self, told: str, brand: Brand) -> bool:
        ids = [one.id for one in self.settings.all_brands()]
        if told and told not in ids:
            raise Misconfigured(f"desks: brand {told!r} is none of {', '.join(ids)}")
        return told in ("", brand.id)

    def outbox_folder(self) -> Path:
        """Where messages are written while their channel is off."""
        return self.settings.path(cast(FolderSettings, self.settings.channels.tables()[SHADOW]).path)

    def recheck(self, session: Session, message: MessageRow) -> Cancel | Hold | None:
        """The last gate of a message: the decision as it would be made now."""
        if message.template in CLAIM_TEMPLATES:
            refused = recheck_claim(session, message, self.now())
            return Cancel(refused) if refused else None
        if message.template == public_reply.TEMPLATE:
            refused = public_reply.recheck_reply(session, message, self.reply_rules())
            return Cancel(refused) if refused else None
        brand = self.brand(message.brand_id)
        if message.template in CARE_TEMPLATES:
            return recheck_care(session, message, self.care_rules(brand), self.now())
        return last_word(session, brand, message, self.contact_rules(brand), self.now())

    def deadlines(self) -> Deadlines:
        """When answers and resolutions are due. Teams without zone and country have those of the first brand."""
        cases = self.settings.cases
        return deadlines_of(cases, cases.warn_before, self.settings.teams, self.settings.all_brands()[0])

    def staff(self) -> Staff:
        """Who works cases."""
        return staff_of(self.settings.teams, self.settings.people, self.settings.all_brands()[0])

    def upkeep_rules(self) -> UpkeepRules:
        """What time does to open cases."""
        return UpkeepRules(self.deadlines(), self.settings.priority.weights(), self.staff())

    def notice_rules(self) -> NoticeRules:
        """Where teams and people are told what."""
        console = self.settings.console
        base = self.settings.claims.base_url or f"http://{console.host}:{console.port}"
        return NoticeRules(
            staff=self.staff(),
            addresses=lambda variable: tuple(os.environ.get(variable, "").split()),
            link=lambda case_id: f"{base}/cases/{case_id}",
            language=console.language,
            zone=ZoneInfo(self.settings.all_brands()[0].timezone),
            max_attempts=self.settings.contact.max_attempts,
        )
