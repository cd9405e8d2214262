"""From readings to cases: one complaint of one person in one thread is one case.

The outcome is a function of all that is stored, not of the order in which it came: a whole thread is
looked at each time one of its posts is read, edited or answered, and cases are joined where a later
post shows that two are one. All of it happens in the caller's transaction, under the brand's lock.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES, CaseState
from domain.contact import NetworkPolicy
from domain.evidence import Action, Grade
from domain.reading import Intent
from routing.about import settle_about
from routing.crm import keyring
from routing.linking import decided, forgotten, linking
from routing.matching.certificate import CertificateRules
from routing.matching.matcher import Matcher, MatchRules
from routing.matching.quoted import IDENTIFIER_KINDS
from routing.matching.speaker import speaker_of
from routing.priority import Deadlines, Signals, priority, severity_of
from routing.public_answers import answered_in_public, bring_in, in_its_thread, take_public_answer
from routing.replies import answered_messages, is_recipient, join_reply
from storage import cases, matches
from storage.brands import lock_brand
from storage.copies import SHORTEST, group_copies
from storage.quotes import forget_quotes
from storage.readings import Read, posts_by_thread
from storage.tables import (
    AuthorRow,
    CasePostRow,
    CaseRow,
    CustomerRow,
    MatchRow,
    MessageRow,
    PostRow,
    QuoteRow,
    ReadingRow,
)


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What settings and policies say of intake."""

    about_brand: float
    intents: Mapping[str, Intent]
    networks: Callable[[str], NetworkPolicy]
    matching: MatchRules
    certificate: CertificateRules
    deadlines: Deadlines


@dataclass(frozen=True, slots=True)
class Routed:
    """What one batch made."""

    posts: int = 0
    opened: int = 0
    joined: int = 0
    linked: int = 0
    reviews: int = 0

    def __add__(self, other: "Routed") -> "Routed":
        return Routed(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def route_batch(session: Session, brand: Brand, rules: IntakeRules, limit: int, now: datetime) -> Routed:
    """Route up to `limit` posts that were read, with everything that belongs to their threads."""
    crm_version = lock_brand(session, brand.id).crm_version
    waiting = (
        select(PostRow)
        .where(PostRow.brand_id == brand.id, PostRow.stage == "read")
        .order_by(PostRow.created_at, PostRow.id)
        .limit(limit)
    )
    posts = list(session.scalars(waiting))
    threads = posts_by_thread(session, brand.id, {(post.network, post.thread) for post in posts})
    group_copies(session, brand.id, _ungrouped(threads.values()))
    intake = _Intake(session, brand, rules, now)
    intake.load_authors(read for thread in threads.values() for read in thread)
    done = Routed()
    for (network, _), read in sorted(threads.items(), key=_age):
        done += intake.thread(network, read)
    ids = [post.id for post in posts if post.id not in intake.again]
    routed = update(PostRow).where(PostRow.id.in_(ids), PostRow.stage == "read")
    session.execute(routed.values(stage="routed", crm_version=crm_version))
    again = update(PostRow).where(PostRow.id.in_(intake.again), PostRow.stage == "routed")
    session.execute(again.values(stage="read"))
    return done + Routed(posts=len(posts))


def _ungrouped(threads: Iterable[Sequence[Read]]) -> list[PostRow]:
    found = (post for thread in threads for post, reading in thread if reading.unhappy and not post.is_repost)
    return [post for post in found if post.copy_group is None]


def reopen_matches(session: Session, brand_id: str) -> int:
    """Send complaints back to routing whose match was decided on an older customer file, and posts that quote an order.

    Decisions of people stay, and so does a match on which a message has already been planned.
    """
    version = lock_brand(session, brand_id).crm_version
    open_match = (MatchRow.decided_by == cases.SYSTEM) & (MatchRow.review.is_(None) | (MatchRow.review == "waiting"))
    quotes_order = exists(select(QuoteRow.id).where(QuoteRow.post_id == PostRow.id, QuoteRow.kind == "order"))
    stale = (
        select(PostRow.id)
        .outerjoin(MatchRow, MatchRow.post_id == PostRow.id)
        .where(
            PostRow.brand_id == brand_id,
            PostRow.stage == "routed",
            PostRow.crm_version < version,
            open_match | (MatchRow.id.is_(None) & quotes_order),
        )
    )
    ids = list(session.scalars(stale))
    session.execute(update(PostRow).where(PostRow.id.in_(ids)).values(stage="read"))
    return len(ids)


def _age(thread: tuple[object, Sequence[Read]]) -> datetime:
    """Originals come before their copies."""
    return min((post.created_at or post.heard_at for post, _ in thread[1]), default=datetime.max.replace(tzinfo=UTC))


class _Intake:
    """One batch at work. `again` are posts that have to be routed once more: what they copy has a case now."""

    def __init__(self, session: Session, brand: Brand, rules: IntakeRules, now: datetime) -> None:
        self._session, self._brand, self._rules, self._now = session, brand, rules, now
        self._ring = keyring(session)
        self._authors: dict[int, AuthorRow] = {}
        self.again: set[int] = set()
        self._matcher = Matcher(session, brand, self._ring, rules.matching, now)
        self._linking = linking(session, brand.id, rules.certificate, now)

    def load_authors(self, read: Iterable[Read]) -> None:
        """Fetch all authors at once; they stay at hand as long as the batch."""
        wanted = {post.author_id for post, _ in read if post.author_id is not None}
        found = self._session.scalars(select(AuthorRow).where(AuthorRow.id.in_(wanted)))
        self._authors = {author.id: author for author in found}

    def thread(self, network: str, read: Sequence[Read]) -> Routed:
        """Route a whole conversation, one author after the other."""
        authors = {post.author_id: self._author(post) for post, _ in read}
        ours = {id_ for id_, author in authors.items() if author and self._brand.owns(network, author.handle)}
        self.again |= forget_quotes(self._session, [post.id for post, _ in read if post.author_id in ours])
        page = self._rules.networks(network).addressed
        settle_about(self._session, self._brand.id, read, self._rules.about_brand, ours=page, spoken_to=bool(ours))
        others = [found for found in read if found[0].author_id not in ours]
        answers = answered_messages(self._session, self._brand.id, [post for post, _ in others]) if page else {}
        public = answered_in_public(self._session, self._brand.id, network, [post for post, _ in others], authors)
        groups: dict[str, list[Read]] = {}
        done = Routed()
        for post, reading in others:
            if post.id in answers:
                done += self._answer(post, authors[post.author_id], answers[post.id])
            elif post.id in public and not in_its_thread(self._session, post, public[post.id]):
                self._forget_match(post)
                done += Routed(joined=int(bring_in(self._session, post, public[post.id], self._now)))
            else:
                groups.setdefault(author_subject(post), []).append((post, reading))
        for group in groups.values():
            done += self._group(group, authors[group[0][0].author_id])
        for post, _ in others:
            if post.id in public:
                take_public_answer(self._session, post, public[post.id], self._now)
        return done

    def _answer(self, post: PostRow, author: AuthorRow | None, message: MessageRow) -> Routed:
        """What answers a message of ours belongs to its case; what its recipient repeats casts no doubt on him."""
        if is_recipient(author, message):
            self.again |= forget_quotes(self._session, [post.id])
        self._forget_match(post)
        return Routed(joined=int(join_reply(self._session, post, author, message, self._now)))

    def _author(self, post: PostRow) -> AuthorRow | None:
        return None if post.author_id is None else self._authors[post.author_id]

    def _group(self, group: Sequence[Read], author: AuthorRow | None) -> Routed:
        """All that one author said in one thread."""
        done = Routed()
        for post, _ in group:
            if post.is_repost:
                done += self._copy(post, self._original_of_repost(post))
        own = [(post, reading) for post, reading in group if not post.is_repost]
        complaints = [found for found in own if self._is_complaint(*found)]
        if not complaints:
            return done
        ids = {post.id for post, _ in group}
        twins = {post.id: twin for post, _ in complaints if (twin := self._earlier_twin(post, ids)) is not None}
        fresh = [found for found in complaints if found[0].id not in twins]
        if fresh:
            done += self._case([found for found in own if found[0].id not in twins], fresh, *fresh[0], author)
            own = [found for found in own if found[0].id in twins]
        # Who only copied brings what else he said along.
        first = next(iter(twins.values()), None)
        for post, _ in own:
            done += self._copy(post, twins.get(post.id, first))
        return done

    def _is_complaint(self, post: PostRow, reading: ReadingRow) -> bool:
        by_program = post.attributes.get("automatic") is True
        return reading.about_brand >= self._rules.about_brand and reading.unhappy and not by_program

    def _original_of_repost(self, post: PostRow) -> PostRow | None:
        here = select(PostRow).where(PostRow.brand_id == post.brand_id, PostRow.deleted_at.is_(None))
        if post.repost_of:
            query = here.where(PostRow.network == post.network, PostRow.native_id == post.repost_of)
            return self._session.scalars(query).one_or_none()
        in_case = here.join(CasePostRow, CasePostRow.post_id == PostRow.id)
        same = in_case.where(PostRow.content_hash == post.content_hash, PostRow.is_repost.is_(False))
        first = same.order_by(PostRow.created_at, PostRow.network, PostRow.native_id).limit(1)
        return self._session.scalars(first).one_or_none()

    def _earlier_twin(self, post: PostRow, group: Collection[int]) -> PostRow | None:
        """The first complaint of another thread or author that said nearly the same, and has a case."""
        if len(post.text or "") < SHORTEST:
            return None
        for twin in self._twins(post):
            if twin.id in group:
                return None
            if cases.case_of_post(self._session, twin.id) is not None:
                return twin
        return None

    def _twins(self, post: PostRow) -> Iterable[PostRow]:
        """Everybody's complaints in nearly the words of this post, itself included, oldest first."""
        reading = (ReadingRow.post_id == PostRow.id) & (ReadingRow.version == PostRow.version)
        query = (
            select(PostRow, AuthorRow.handle)
            .join(ReadingRow, reading)
            .outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
            .where(
                PostRow.brand_id == post.brand_id,
                PostRow.copy_group == post.copy_group,
                PostRow.is_repost.is_(False),
                PostRow.stage.in_(("read", "routed")),
                ReadingRow.unhappy,
            )
            .order_by(PostRow.created_at, PostRow.network, PostRow.native_id)
        )
        for twin, handle in self._session.execute(query):
            if not self._brand.owns(twin.network, handle):
                yield twin

    def _copy(self, post: PostRow, original: PostRow | None) -> Routed:
        """A copy joins the case of its original, where that has one; on its own it opens none."""
        found = None if original is None else cases.case_of_post(self._session, original.id)
        if found is None:
            return Routed()
        own = cases.case_of_post(self._session, post.id)
        self._forget_match(post)
        joined = cases.add_post(self._session, found[0], post, "copy", self._now)
        if own is not None and own[0].id != found[0].id and not cases.has_posts(self._session, own[0].id):
            cases.merge(self._session, own[0], found[0], self._now, "a copy of an earlier post")
        if joined:
            self._call_reposts(found[0], [post])
        return Routed(joined=int(joined))

    def _case(
        self,
        own: Sequence[Read],
        complaints: Sequence[Read],
        lead: PostRow,
        reading: ReadingRow,
        author: AuthorRow | None,
    ) -> Routed:
        known = matches.match_of_post(self._session, lead.id)
        before = None if known is None else (known.action, known.customer_key)
        match = self._match(own, lead, author)
        case, opened = self._find_or_open(own, complaints, lead, reading, author, match)
        joined = self._join_posts(case, own, complaints)
        if joined:
            self._call_copies(case, own, complaints)
        if joined and not opened:
            self._seen_again(case)
        if not opened and case.state == CaseState.NEW:
            self._read_as(case, reading)
        self._weigh(case, complaints, author)
        changed = before != (match.action, match.customer_key)
        return Routed(
            opened=int(opened),
            joined=joined - int(opened),
            linked=int(changed and match.action == Action.LINK),
            reviews=int(changed and match.action == Action.REVIEW),
        )

    def _match(self, own: Sequence[Read], lead: PostRow, author: AuthorRow | None) -> MatchRow:
        """The match of the lead post, drawn from all that its author said here. What a person decided holds."""
        for post, _ in own:
            known = matches.match_of_post(self._session, post.id)
            if known is not None and known.decided_by != cases.SYSTEM:
                return known
            if post.id != lead.id:
                self._forget_match(post)
        quoted = frozenset(
            (entity["kind"], entity["value"])
            for _, reading in own
            for entity in reading.details.get("entities", ())
            if entity["kind"] in IDENTIFIER_KINDS
        )
        moment = next(self._rules.intents[reading.intent].moment for post, reading in own if post.id == lead.id)
        speaker = speaker_of([post for post, _ in own], lead, author, quoted, moment)
        decision = self._matcher.match(speaker, self._rules.networks(lead.network))
        return decided(self._session, lead, decision, self._linking, self._now)

    def _forget_match(self, post: PostRow) -> None:
        """Of a post that led a case until an earlier one was heard."""
        forgotten(self._session, post, self._now)

    def _find_or_open(
        self,
        own: Sequence[Read],
        complaints: Sequence[Read],
        lead: PostRow,
        reading: ReadingRow,
        author: AuthorRow | None,
        match: MatchRow,
    ) -> tuple[CaseRow, bool]:
        subject = f"customer:{match.customer_key}" if match.customer_key else author_subject(lead)
        target = cases.find_case(self._session, lead.brand_id, subject, lead.network, lead.thread)
        found = (cases.case_of_post(self._session, post.id) for post, _ in own)
        held = [case for case, place in filter(None, found) if place.role != "copy" and self._is_his_alone(case, lead)]
        if target is None and held:
            target = held[0]
        if target is not None:
            self._follow(target, subject, lead, match)
        for other in {case.id: case for case in held}.values():
            if target is not None and other.id != target.id:
                cases.merge(self._session, other, target, self._now, "same person and thread")
        if target is not None:
            return target, False
        return self._open(lead, reading, author, match, subject), True

    def _is_his_alone(self, case: CaseRow, lead: PostRow) -> bool:
        """Whether no other account complains in this case too; one that it shares no longer, it leaves alone."""
        another = PostRow.author_id != lead.author_id if lead.author_id is not None else PostRow.id != lead.id
        others = (
            select(CasePostRow.id)
            .join(PostRow, PostRow.id == CasePostRow.post_id)
            .where(CasePostRow.case_id == case.id, CasePostRow.role == "complaint", PostRow.deleted_at.is_(None))
            .where(another | (PostRow.author_id.is_(None) & (PostRow.id != lead.id)))
        )
        return self._session.scalar(others.limit(1)) is None

    def _follow(self, case: CaseRow, subject: str, lead: PostRow, match: MatchRow) -> None:
        """Let a case say what is now known of the speaker.

        Once he has been written to on what was known before, only a person's word or the customer's own moves it, and
        a person goes on.
        """
        if (case.subject, case.thread, case.grade) == (subject, lead.thread, match.grade):
            return
        engaged = cases.contact_engaged(self._session, case.id)
        told = match.decided_by != cases.SYSTEM or match.grade == Grade.AUTHENTICATED
        if engaged and (not told or case.customer_key == match.customer_key):
            return
        if case.customer_key != match.customer_key:
            kind = "linked" if match.customer_key else "unlinked"
            cases.add_event(self._session, case, kind, self._now, grade=match.grade)
        cases.cancel_reserved(self._session, case.id, "the match changed")
        case.contact_state, case.contact_at = "person" if engaged else "pending", None
        case.subject, case.thread, case.grade = subject, lead.thread, match.grade
        case.customer_key = match.customer_key
        case.revision += 1
        self._session.flush()

    def _open(
        self, lead: PostRow, reading: ReadingRow, author: AuthorRow | None, match: MatchRow, subject: str
    ) -> CaseRow:
        severity = severity_of(self._rules.intents[reading.intent], reading.urgency, reading.escalation)
        case = CaseRow(
            brand_id=lead.brand_id,
            subject=subject,
            network=lead.network,
            thread=lead.thread,
            customer_key=match.customer_key,
            author_id=author.id if author else None,
            grade=match.grade,
            severity=severity,
            priority=0,
            priority_reasons=[],
            opened_at=self._now,
            last_post_at=lead.created_at or self._now,
            due_first_answer_at=self._rules.deadlines.first_answer_at(self._now, severity),
            due_resolution_at=self._rules.deadlines.resolution_at(self._now, severity),
        )
        self._read_as(case, reading)
        self._session.add(case)
        self._session.flush()
        cases.add_event(
            self._session,
            case,
            "opened",
            self._now,
            post=lead.id,
            intent=case.intent,
            grade=match.grade,
            model=reading.model,
        )
        return case

    def _read_as(self, case: CaseRow, reading: ReadingRow) -> None:
        """What the case is about, as long as nobody has touched it: what its first complaint is about."""
        intent = self._rules.intents[reading.intent]
        case.intent, case.moment, case.team, case.language = intent.id, intent.moment, intent.team, reading.language

    def _join_posts(self, case: CaseRow, own: Sequence[Read], complaints: Sequence[Read]) -> int:
        grievances = {post.id for post, _ in complaints}
        joined = 0
        for post, _ in own:
            role = "complaint" if post.id in grievances else "follow_up"
            joined += cases.add_post(self._session, case, post, role, self._now)
        return joined

    def _call_copies(self, case: CaseRow, own: Sequence[Read], complaints: Sequence[Read]) -> None:
        """Reposts and copies that were routed before this case was there come home with their next routing."""
        ids = {post.id for post, _ in own}
        for post, _ in complaints:
            if len(post.text or "") >= SHORTEST:
                twins = [twin.id for twin in self._twins(post)]
                self._call(case, set(twins[twins.index(post.id) :] if post.id in twins else ()) - ids)
        self._call_reposts(case, [post for post, _ in own])

    def _call_reposts(self, case: CaseRow, posts: Sequence[PostRow]) -> None:
        by_id = (PostRow.network == case.network) & PostRow.repost_of.in_([post.native_id for post in posts])
        by_words = PostRow.repost_of.is_(None) & PostRow.content_hash.in_([post.content_hash for post in posts])
        reposts = select(PostRow.id).where(
            PostRow.brand_id == case.brand_id, PostRow.is_repost, by_id | by_words, PostRow.deleted_at.is_(None)
        )
        self._call(case, set(self._session.scalars(reposts)))

    def _call(self, case: CaseRow, ids: Collection[int]) -> None:
        at_home = select(CasePostRow.post_id).where(CasePostRow.case_id == case.id, CasePostRow.post_id.in_(ids))
        self.again |= set(ids) - set(self._session.scalars(at_home)) if ids else set()

    def _seen_again(self, case: CaseRow) -> None:
        """The person spoke again: what was settled is open again."""
        if case.state in (CaseState.RESOLVED, CaseState.CLOSED):
            cases.step(self._session, case, CaseState.REOPENED, self._now, why="a new post in the thread")
        elif case.state == CaseState.WAITING_CUSTOMER:
            cases.step(self._session, case, CaseState.WAITING_US, self._now, why="a new post in the thread")
        cases.add_event(self._session, case, "seen_again", self._now)

    def _weigh(self, case: CaseRow, complaints: Sequence[Read], author: AuthorRow | None) -> None:
        """Severity and priority from all complaints of the case together: the gravest word counts."""
        if CaseState(case.state) not in OPEN_STATES:
            return
        customer = None if case.customer_key is None else self._session.get_one(CustomerRow, case.customer_key)
        weighed = []
        for _, reading in complaints:
            signals = Signals(
                intent=self._rules.intents[reading.intent],
                second_intent=reading.second_intent,
                urgency=reading.urgency,
                escalation=reading.escalation,
                posts=len(complaints),
                followers=(author.followers or 0) if author else 0,
                reposts=sum(post.reposts or 0 for post, _ in complaints),
                segment=customer.segment if customer else None,
                customer_value=customer.value if customer else None,
            )
            weighed.append((*priority(signals), severity_of(signals.intent, reading.urgency, reading.escalation)))
        case.priority, case.priority_reasons, case.severity = max(weighed, key=lambda found: found[0])
        case.addressed_brand = self._addressed(case.network, complaints)

    def _addressed(self, network: str, complaints: Sequence[Read]) -> bool:
        """Whether the brand was spoken to: tagged, answered, or on a page that is its own."""
        if self._rules.networks(network).addressed:
            return True
        return any(
            entity["text"].startswith("@") and (entity["kind"] == "brand" or self._brand.owns(network, entity["value"]))
            for _, reading in complaints
            for entity in reading.details.get("entities", ())
        )


def author_subject(post: PostRow) -> str:
    """The speaker of a post as long as no customer is known: his account, or the post itself."""
    return f"author:{post.author_id}" if post.author_id is not None else f"post:{post.id}"
