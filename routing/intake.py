"""From readings to cases: one complaint of one person in one thread is one case.

The outcome is a function of all that is stored, not of the order in which it came: a whole thread is
looked at each time one of its posts is read, edited or answered, and cases are joined where a later
post shows that two are one; what a customer said in several threads is put together at the end of each
batch (`routing/joining.py`). What people put together or apart stays. All of it happens in the caller's
transaction, under the brand's lock.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES, CaseState, Severity
from domain.contact import NetworkPolicy
from domain.evidence import Action, Grade
from domain.reading import Intent
from routing.about import settle_about
from routing.crm import keyring
from routing.deadlines import Deadlines
from routing.joining import JoinRules, Matter, Strand, matter_of, plan, settled_at, strands_of
from routing.linking import decided, forgotten, linking
from routing.matching.certificate import CertificateRules
from routing.matching.matcher import Matcher, MatchRules
from routing.matching.quoted import IDENTIFIER_KINDS
from routing.matching.speaker import speaker_of
from routing.priority import RANK, Weights, of_time, severity_of, with_reasons
from routing.public_answers import answered_in_public, bring_in, in_its_thread, take_public_answer
from routing.replies import answered_messages, is_recipient, join_reply
from routing.weighing import weigh
from storage import cases, matches
from storage.brands import lock_brand
from storage.copies import SHORTEST, group_copies
from storage.customers import segments_of
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
    joining: JoinRules = field(default_factory=JoinRules)
    weights: Weights = field(default_factory=Weights)


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
    intake.put_together()
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
        self._customers: set[int] = set()
        self._matcher = Matcher(session, brand, self._ring, rules.matching, now)
        self._linking = linking(session, brand.id, rules.certificate, now)

    def load_authors(self, read: Iterable[Read]) -> None:
        """Fetch all authors at once; they stay at hand as long as the batch."""
        wanted = {post.author_id for post, _ in read if post.author_id is not None}
        found = self._session.scalars(select(AuthorRow).where(AuthorRow.id.in_(wanted)))
        self._authors |= {author.id: author for author in found}

    def thread(self, network: str, read: Sequence[Read]) -> Routed:
        """Route a whole conversation, one author after the other."""
        authors = {post.author_id: self._author(post) for post, _ in read}
        ours = {id_ for id_, author in authors.items() if author and self._brand.owns(network, author.handle)}
        self.again |= forget_quotes(self._session, [post.id for post, _ in read if post.author_id in ours])
        page = self._rules.networks(network).addressed
        settle_about(self._session, self._brand.id, read, self._rules.about_brand, ours=page, spoken_to=bool(ours))
        others = [found for found in read if found[0].author_id not in ours]
        answers = answered_messages(self._session, self._brand.id, [post for post, _ in others]) if page else {}
        pinned = _pinned(self._session, [post.id for post, _ in others])
        public = answered_in_public(self._session, self._brand.id, network, [post for post, _ in others], authors)
        groups: dict[str, list[Read]] = {}
        done = Routed()
        for post, reading in others:
            if post.id in answers and post.id not in pinned:
                done += self._answer(post, authors[post.author_id], answers[post.id])
            elif post.id in public and not in_its_thread(self._session, post, public[post.id]):
                self._forget_match(post)
                done += Routed(joined=int(bring_in(self._session, post, public[post.id], self._now)))
            else:
                groups.setdefault(author_subject(post), []).append((post, reading))
        for group in groups.values():
            done += self._speaker(group, authors[group[0][0].author_id], pinned)
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
        if post.author_id is not None and post.author_id not in self._authors:
            self._authors[post.author_id] = self._session.get_one(AuthorRow, post.author_id)
        return None if post.author_id is None else self._authors[post.author_id]

    def _speaker(self, group: Sequence[Read], author: AuthorRow | None, pinned: Mapping[int, int]) -> Routed:
        """All that one author said in one thread. What a person put somewhere stays, and draws new words along."""
        said = [found for found in group if not found[0].is_repost]
        rest = [found for found in group if found[0].id not in pinned]
        kept: dict[int, list[Read]] = {}
        for found in said:
            if found[0].id in pinned:
                kept.setdefault(pinned[found[0].id], []).append(found)
        done = Routed()
        if kept and not self._has_home(rest):
            newest = pinned[[post.id for post, _ in said if post.id in pinned][-1]]
            kept[newest] = [found for found in said if found in kept[newest] or found in rest]
            rest = [found for found in rest if found[0].is_repost]
        if rest:
            done += self._group(rest, said, author)
        for case_id, own in kept.items():
            done += self._kept(self._session.get_one(CaseRow, case_id), own, said, author)
        return done

    def _has_home(self, rest: Sequence[Read]) -> bool:
        """Whether any of these posts has led to a case, or belongs to one, without a person's word."""
        query = select(CasePostRow.id).where(CasePostRow.post_id.in_([post.id for post, _ in rest]))
        return self._session.scalar(query.where(CasePostRow.role == "complaint").limit(1)) is not None

    def _kept(self, case: CaseRow, own: Sequence[Read], said: Sequence[Read], author: AuthorRow | None) -> Routed:
        """What a person put into this case, and what its speaker said since."""
        complaints = [found for found in own if self._is_complaint(*found)]
        if complaints:
            return self._case(own, said, complaints, author, case)
        joined = self._join_posts(case, own, ())
        if joined:
            self._seen_again(case, own[-1][0])
        return Routed(joined=joined)

    def _group(self, group: Sequence[Read], said: Sequence[Read], author: AuthorRow | None) -> Routed:
        """What the program may put where it belongs; `said` is all that proves who speaks."""
        done = Routed()
        for post, _ in group:
            if post.is_repost:
                done += self._copy(post, self._original_of_repost(post), {post.id})
        own = [(post, reading) for post, reading in group if not post.is_repost]
        complaints = [found for found in own if self._is_complaint(*found)]
        if not complaints:
            return done
        ids = {post.id for post, _ in group}
        twins = {post.id: twin for post, _ in complaints if (twin := self._earlier_twin(post, ids)) is not None}
        fresh = [found for found in complaints if found[0].id not in twins]
        if fresh:
            done += self._case([found for found in own if found[0].id not in twins], said, fresh, author)
            own = [found for found in own if found[0].id in twins]
        # Who only copied brings what else he said along.
        first = next(iter(twins.values()), None)
        for post, _ in own:
            done += self._copy(post, twins.get(post.id, first), {brought.id for brought, _ in own})
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

    def _copy(self, post: PostRow, original: PostRow | None, brought: Collection[int]) -> Routed:
        """A copy joins the case of its original, where that has one; on its own it opens none.

        `brought` are the posts that come along with it: a case that holds no others goes up in that of the original.
        """
        found = None if original is None else cases.case_of_post(self._session, original.id)
        if found is None:
            return Routed()
        own = cases.case_of_post(self._session, post.id)
        self._forget_match(post)
        is_there = own is not None and own[0].id == found[0].id
        if own is not None and not is_there:
            self._note_customer(own[0])
            if self._holds_only(own[0], brought):
                self._merge(own[0], found[0], "a copy of an earlier post")
        cases.add_post(self._session, found[0], post, "copy", self._now)
        if not is_there:
            self._call_reposts(found[0], [post])
        return Routed(joined=int(not is_there))

    def _holds_only(self, case: CaseRow, post_ids: Collection[int]) -> bool:
        """Whether nothing but these posts lies in a case, and no person put any there."""
        places = list(self._session.scalars(select(CasePostRow).where(CasePostRow.case_id == case.id)))
        return all(place.post_id in post_ids and not place.pinned for place in places)

    def _merge(self, source: CaseRow, target: CaseRow, why: str) -> bool:
        """Join two cases, unless a person looked at both."""
        if cases.is_pinned(self._session, source.id) and cases.is_pinned(self._session, target.id):
            return False
        self._note_customer(source)
        return cases.merge(self._session, source, target, self._now, why) is not None

    def _note_customer(self, case: CaseRow) -> None:
        if case.customer_key is not None:
            self._customers.add(case.customer_key)

    def _case(
        self,
        own: Sequence[Read],
        said: Sequence[Read],
        complaints: Sequence[Read],
        author: AuthorRow | None,
        kept: CaseRow | None = None,
    ) -> Routed:
        """Bring what one speaker complains of into its case; `kept` is the one that a person put it into."""
        lead, reading = complaints[0]
        known = matches.match_of_post(self._session, lead.id)
        before = None if known is None else (known.action, known.customer_key)
        match = self._match(own, said, lead, author)
        self._customers |= {key for key in (known and before and before[1], match.customer_key) if key}
        if kept is None:
            case, opened = self._find_or_open(own, lead, reading, author, match)
        else:
            case, opened = kept, False
        joined = self._join_posts(case, own, complaints)
        if kept is not None:
            self._speak(case, match)
        if joined:
            self._call_copies(case, own, complaints)
        if joined and not opened:
            self._seen_again(case, lead)
        self._weigh(case)
        changed = before != (match.action, match.customer_key)
        return Routed(
            opened=int(opened),
            joined=joined - int(opened),
            linked=int(changed and match.action == Action.LINK),
            reviews=int(changed and match.action == Action.REVIEW),
        )

    def _match(self, own: Sequence[Read], said: Sequence[Read], lead: PostRow, author: AuthorRow | None) -> MatchRow:
        """The match of the lead post, drawn from all that its author said here. What a person decided holds."""
        ids = {post.id for post, _ in own}
        for post, _ in said:
            known = matches.match_of_post(self._session, post.id)
            if known is not None and known.decided_by != cases.SYSTEM:
                return known
            if post.id in ids and post.id != lead.id:
                self._forget_match(post)
        quoted = frozenset(
            (entity["kind"], entity["value"])
            for _, reading in said
            for entity in reading.details.get("entities", ())
            if entity["kind"] in IDENTIFIER_KINDS
        )
        moment = next(self._rules.intents[reading.intent].moment for post, reading in own if post.id == lead.id)
        speaker = speaker_of([post for post, _ in said], lead, author, quoted, moment)
        decision = self._matcher.match(speaker, self._rules.networks(lead.network))
        return decided(self._session, lead, decision, self._linking, self._now)

    def _forget_match(self, post: PostRow) -> None:
        """Of a post that led a case until an earlier one was heard."""
        forgotten(self._session, post, self._now)

    def _find_or_open(
        self, own: Sequence[Read], lead: PostRow, reading: ReadingRow, author: AuthorRow | None, match: MatchRow
    ) -> tuple[CaseRow, bool]:
        subject = f"customer:{match.customer_key}" if match.customer_key else author_subject(lead)
        target = cases.find_case(self._session, lead.brand_id, subject, lead.network, lead.thread)
        found = (cases.case_of_post(self._session, post.id) for post, _ in own)
        lying = {case.id: case for case, place in filter(None, found) if place.role != "copy"}
        for case in lying.values():
            self._note_customer(case)
        held = [case for case in lying.values() if self._is_his(case, lead, match)]
        if target is None and held:
            target = held[0]
        if target is None and match.customer_key:
            target = self._about_the_same(match.customer_key, lead)
        if target is None:
            return self._open(lead, reading, author, match, subject), True
        if target.customer_key is None or target.customer_key != match.customer_key or target in held:
            self._follow_alone(target, subject, lead, match)
        for other in held:
            if other.id != target.id:
                self._merge(other, target, "same person and thread")
        return target, False

    def _about_the_same(self, customer_key: int, lead: PostRow) -> CaseRow | None:
        """The case that a customer has about the same matter in another thread, if the rules let this post join it."""
        strands = strands_of(self._session, lead.brand_id, customer_key)
        matter = matter_of(strands, lead.id, self._rules.joining)
        return None if matter is None or matter.case is None else self._session.get_one(CaseRow, matter.case)

    def _is_his(self, case: CaseRow, lead: PostRow, match: MatchRow) -> bool:
        """Whether this speaker in this thread may take the case along: it is his alone, or written about to him."""
        if self._is_his_alone(case, lead):
            return True
        told = match.decided_by != cases.SYSTEM or match.grade == Grade.AUTHENTICATED
        return not told and case.customer_key is not None and cases.contact_engaged(self._session, case.id)

    def _is_his_alone(self, case: CaseRow, lead: PostRow) -> bool:
        """Whether no other account or thread complains in this case too; one that it shares, it leaves alone."""
        another = PostRow.author_id != lead.author_id if lead.author_id is not None else PostRow.id != lead.id
        elsewhere = (PostRow.network != lead.network) | (PostRow.thread != lead.thread)
        others = (
            select(CasePostRow.id)
            .join(PostRow, PostRow.id == CasePostRow.post_id)
            .where(CasePostRow.case_id == case.id, CasePostRow.role == "complaint", PostRow.deleted_at.is_(None))
            .where(another | elsewhere | (PostRow.author_id.is_(None) & (PostRow.id != lead.id)))
        )
        return self._session.scalar(others.limit(1)) is None

    def _follow_alone(self, case: CaseRow, subject: str, lead: PostRow, match: MatchRow) -> None:
        """Of a case that other threads or accounts share, `put_together` decides who speaks for it."""
        if case.customer_key is None or self._is_his_alone(case, lead):
            self._follow(case, subject, lead, match)

    # --- the threads of one customer --------------------------------------------------------------

    def put_together(self) -> None:
        """What each customer of this batch said in several threads: one matter, one case."""
        for customer_key in sorted(self._customers):
            strands = strands_of(self._session, self._brand.id, customer_key)
            for matter in plan([strand for strand in strands if strand.case is not None], self._rules.joining):
                self._one_case(matter, customer_key)

    def _one_case(self, matter: Matter, customer_key: int) -> None:
        lead = self._session.get_one(PostRow, matter.strands[0].post)
        match = matches.match_of_post(self._session, lead.id)
        if match is None or match.customer_key != customer_key:
            return
        subject = f"customer:{customer_key}"
        if matter.case is None:
            case = self._open(lead, self._reading(lead), self._author(lead), match, subject)
        else:
            case = self._session.get_one(CaseRow, matter.case)
        for other in matter.others:
            self._merge(self._session.get_one(CaseRow, other), case, "same customer and matter")
        moved = [post for strand in matter.strands for post in self._bring(strand, case)]
        if len(matter.strands) > 1 or moved or matter.others:
            self._speak_first(case, subject, lead, match)
            self._weigh(case)

    def _bring(self, strand: Strand, case: CaseRow) -> list[int]:
        """Take what was said in a thread out of the case in which it lies, into that of its matter."""
        query = select(CasePostRow).where(
            CasePostRow.post_id.in_(strand.posts), CasePostRow.case_id == strand.case, CasePostRow.case_id != case.id
        )
        places = list(self._session.scalars(query.where(CasePostRow.pinned.is_(False), CasePostRow.role != "copy")))
        for place in places:
            place.case_id = case.id
        if places:
            moved = [self._session.get_one(PostRow, place.post_id) for place in places]
            case.last_post_at = max([case.last_post_at, *(post.created_at for post in moved if post.created_at)])
            self._session.flush()
            cases.add_event(self._session, case, "posts_moved", self._now, posts=len(places), left=strand.case)
            self._call_copies(case, [(post, self._reading(post)) for post in moved], self._complaints_among(moved))
        return [place.post_id for place in places]

    def _complaints_among(self, posts: Sequence[PostRow]) -> list[Read]:
        read = [(post, self._reading(post)) for post in posts]
        return [found for found in read if self._is_complaint(*found)]

    def _reading(self, post: PostRow) -> ReadingRow:
        return self._session.scalars(select(ReadingRow).filter_by(post_id=post.id, version=post.version)).one()

    def _speak(self, case: CaseRow, match: MatchRow) -> None:
        """Whose case it is that a person put together: that of the first who is known among its speakers."""
        query = (
            select(MatchRow)
            .join(CasePostRow, CasePostRow.post_id == MatchRow.post_id)
            .join(PostRow, PostRow.id == MatchRow.post_id)
            .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy")
            .order_by(PostRow.created_at, PostRow.network, PostRow.native_id)
        )
        told = [*self._session.scalars(query), match]
        voice = next((one for one in told if one.action == Action.LINK and one.customer_key is not None), told[0])
        posts = [post for post, _ in cases.complaints_of(self._session, case.id)]
        at_home = [post for post in posts if (post.network, post.thread) == (case.network, case.thread)]
        for lead in (at_home or posts)[:1]:
            subject = f"customer:{voice.customer_key}" if voice.customer_key else author_subject(lead)
            self._speak_first(case, subject, lead, voice)
            self._note_customer(case)

    def _speak_first(self, case: CaseRow, subject: str, lead: PostRow, match: MatchRow) -> None:
        """The first complaint gives a case its thread and its author."""
        self._follow(case, subject, lead, match)
        if (case.network, case.thread) == (lead.network, lead.thread):
            case.author_id = lead.author_id

    def _follow(self, case: CaseRow, subject: str, lead: PostRow, match: MatchRow) -> None:
        """Let a case say what is now known of the speaker.

        Once he has been written to on what was known before, only a person's word or the customer's own moves it, and
        a person goes on.
        """
        subject = cases.free_subject(self._session, case, subject, lead.network, lead.thread)
        told_before = (case.subject, case.network, case.thread, case.grade)
        if told_before == (subject, lead.network, lead.thread, match.grade):
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
        case.subject, case.network, case.thread = subject, lead.network, lead.thread
        case.customer_key, case.grade = match.customer_key, match.grade
        case.revision += 1
        self._session.flush()

    def _open(
        self, lead: PostRow, reading: ReadingRow, author: AuthorRow | None, match: MatchRow, subject: str
    ) -> CaseRow:
        intent = self._rules.intents[reading.intent]
        severity = severity_of(intent, reading.urgency, reading.escalation)
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
            state_since=self._now,
            last_post_at=lead.created_at or self._now,
            due_first_answer_at=self._rules.deadlines.first_answer_at(self._now, severity, intent.team),
            due_resolution_at=self._rules.deadlines.resolution_at(self._now, severity, intent.team),
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

    def _seen_again(self, case: CaseRow, post: PostRow) -> None:
        """The person spoke again: what was settled is open again, unless the rule says that it goes on as it is."""
        if settled_at(case) is not None and self._rules.joining.seen_again != "continue":
            cases.step(self._session, case, CaseState.REOPENED, self._now, why="a new post in the thread")
        elif case.state == CaseState.WAITING_CUSTOMER:
            cases.step(self._session, case, CaseState.WAITING_US, self._now, why="a new post in the thread")
        cases.add_event(self._session, case, "seen_again", self._now, post=post.id, network=post.network)

    def _weigh(self, case: CaseRow) -> None:
        """Severity and priority from all complaints of the case together: the gravest word counts."""
        complaints = cases.complaints_of(self._session, case.id)
        if not complaints or CaseState(case.state) not in OPEN_STATES:
            return
        if case.state == CaseState.NEW:
            self._read_as(case, complaints[0][1])
        customer = None if case.customer_key is None else self._session.get_one(CustomerRow, case.customer_key)
        segments = segments_of(self._session, customer) if customer else frozenset()
        weights = self._rules.weights
        weighed = weigh(complaints, self._author, customer, segments, self._rules.intents, weights)
        found = with_reasons((weighed.priority, weighed.parts), of_time(case.priority_reasons), weights)
        case.priority, case.priority_reasons = found
        self._grade(case, weighed.severity)
        case.addressed_brand = self._addressed(complaints)

    def _grade(self, case: CaseRow, severity: Severity) -> None:
        """Deadlines come nearer where a case gets graver; what they are otherwise, `follow_up` finds."""
        if case.severity == severity:
            return
        if RANK.index(severity) > RANK.index(Severity(case.severity)):
            first = self._rules.deadlines.first_answer_at(case.opened_at, severity, case.team)
            resolution = self._rules.deadlines.resolution_at(case.opened_at, severity, case.team)
            case.due_first_answer_at = min(case.due_first_answer_at or first, first)
            case.due_resolution_at = case.due_resolution_at and min(case.due_resolution_at, resolution)
        cases.add_event(self._session, case, "severity", self._now, old=case.severity, new=severity.value)
        case.severity = severity

    def _addressed(self, complaints: Sequence[Read]) -> bool:
        """Whether the brand was spoken to: tagged, answered, or on a page that is its own."""
        if any(self._rules.networks(post.network).addressed for post, _ in complaints):
            return True
        return any(
            entity["text"].startswith("@")
            and (entity["kind"] == "brand" or self._brand.owns(post.network, entity["value"]))
            for post, reading in complaints
            for entity in reading.details.get("entities", ())
        )


def _pinned(session: Session, post_ids: Sequence[int]) -> dict[int, int]:
    """post id → the case that a person put it into."""
    query = select(CasePostRow.post_id, CasePostRow.case_id).where(
        CasePostRow.post_id.in_(post_ids), CasePostRow.pinned
    )
    return {place.post_id: place.case_id for place in session.execute(query)}


def author_subject(post: PostRow) -> str:
    """The speaker of a post as long as no customer is known: his account, or the post itself."""
    return f"author:{post.author_id}" if post.author_id is not None else f"post:{post.id}"
