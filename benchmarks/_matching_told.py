"""Figures of matching as tables for people, and the wrong links one by one."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks._matching_figures import Judged, Outcome, Quality
from benchmarks._matching_world import EXPLAINED

MOST_EXPLAINED = 20
AIM_RECALL, AIM_REVIEWED, AIM_CALIBRATION = 0.15, 0.60, 0.02


def table(name: str, told: Quality) -> Iterator[str]:
    """The figures of one world."""
    sure, look = f"{told.wrong} wrong; precision at least {told.precision_at_least:.4f} (95 %)", told.reviewed
    error = f"{told.calibration_error_of_candidates:.4f} where there is a candidate; "
    yield f"\nWorld {name}: {told.posts:,} posts, {told.by_customers:,} of them by customers"
    yield _row("automatic links", f"{told.links:,}", sure)
    yield _row("of them where a look was due", f"{told.beyond:,}", "the right person, but unsure or in need of care")
    yield _row("links that nobody could tell apart", f"{told.indistinguishable:,}", "not counted above")
    yield _row("customers' posts linked automatically", f"{told.recall:.3f}", f"aim {AIM_RECALL} (natural)")
    yield _row(f"with review of {look:.1%} of posts", f"{told.recall_with_review:.3f}", f"aim {AIM_REVIEWED} (natural)")
    yield _row("proposals under review that are right", f"{told.review_right:.3f}")
    yield _row("calibration error", f"{told.calibration_error:.4f}", f"{error}aim {AIM_CALIBRATION}")
    yield from _counts("grade", told.grades)


def _row(what: str, figure: str, note: str = "") -> str:
    return f"  {what:40}{figure:>10}   {note}".rstrip()


def roles(counted: Mapping[str, Outcome]) -> Iterator[str]:
    """What became of each kind of poster."""
    yield from _counts("poster", counted, EXPLAINED)


def _counts(what: str, counted: Mapping[str, Outcome], notes: Mapping[str, str] | None = None) -> Iterator[str]:
    yield f"  {what:24}{'posts':>8}{'links':>8}{'wrong':>8}{'reviews':>9}"
    for name, of in counted.items():
        if of.posts:
            note = (notes or {}).get(name, "")
            yield f"  {name:24}{of.posts:>8,}{of.links:>8,}{of.wrong:>8,}{of.reviews:>9,}   {note}".rstrip()


def explain(judged: Sequence[Judged]) -> Iterator[str]:
    """Every wrong link with what was said, by whom, and what the matcher held for it."""
    wrong = [one for one in judged if one.wrong]
    for one in wrong[:MOST_EXPLAINED]:
        post, truth, decision = one.heard.post, one.heard.truth, one.decision
        author = post.author
        assert author is not None
        yield f"\n  wrong: {truth.role} ({EXPLAINED[truth.role]})" + (
            "" if truth.told_apart else ", cannot be told apart"
        )
        yield f"    {author.name!r} @{author.handle} {author.location or ''}: {post.text}"
        yield f"    wrote: {', '.join(sorted(truth.customers)) or 'nobody of the file'}; linked: {decision.customer_id}"
        for candidate in decision.candidates[:2]:
            facts = ", ".join(f"{fact.fact} {fact.weight:+.1f} ({fact.detail})" for fact in candidate.evidence)
            yield f"    {candidate.customer_id} {candidate.probability:.4f}: {facts}"
    if len(wrong) > MOST_EXPLAINED:
        yield f"\n  and {len(wrong) - MOST_EXPLAINED} more"
