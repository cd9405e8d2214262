"""A query as alternatives (its disjunctive normal form), and what they show about it."""

from collections.abc import Iterable, Mapping

from domain.errors import BadInput
from listeners.query.text import folded, term_words
from listeners.query.tree import And, Clause, Is, Near, Node, Not, Or, Term, negated

_MOST = 4096  # alternatives while they are worked out
_FEW = 256  # so many are compared with one another


def clauses(tree: Node, limit: int) -> tuple[Clause, ...]:
    """The alternatives of a tree: every post that it matches is in one of them.

    A NEAR is both of its sides, a negated NEAR is no condition. Alternatives that contradict themselves or
    that another one holds are left out. Raises `BadInput` where more than `limit` remain.
    """
    found = _alternatives(tree, max(limit, _MOST))
    if len(found) > limit:
        raise BadInput(f"{len(found)} alternatives, of which {limit} can be asked for; write fewer ORs")
    return tuple(found)


def _alternatives(node: Node, most: int) -> list[Clause]:
    match node:
        case Term():
            return [Clause(must=(node,))]
        case Near(left, right):
            return _product([[Clause(must=(left,))], [Clause(must=(right,))]], most)
        case Is(name, value):
            return [Clause(fields={name: value})]
        case Or(parts):
            return _distinct([clause for part in parts for clause in _alternatives(part, most)])
        case And(parts):
            return _product([_alternatives(part, most) for part in parts], most)
        case Not(Term() as term):
            return [Clause(without=(term,))]
        case Not(Is(name, value)):
            return [Clause(without_fields=((name, value),))]
        case Not(Near()):
            return [Clause()]
        case Not(part):
            return _alternatives(negated(part), most)


def _product(factors: list[list[Clause]], most: int) -> list[Clause]:
    """Every choice of one alternative from each. What must hold in any case is put together first."""
    sure = _together([factor[0] for factor in factors if len(factor) == 1])
    found = [] if sure is None else [sure]
    for factor in factors:
        if len(factor) == 1:
            continue
        if len(found) * len(factor) > most:
            raise BadInput(f"more than {most} alternatives; write fewer ORs in parentheses")
        choices = (_together([one, other]) for one in found for other in factor)
        found = _distinct([clause for clause in choices if clause is not None])
    return found


def _together(told: list[Clause]) -> Clause | None:
    """All in one, or None where nothing can be all of them."""
    fields = _fields(told)
    must = _terms(term for clause in told for term in clause.must)
    without = _terms(term for clause in told for term in clause.without)
    without_fields = tuple(dict.fromkeys(pair for clause in told for pair in clause.without_fields))
    if fields is None or _contradict(must, without):
        return None
    if any(name in fields and _covers(name, value, fields[name]) for name, value in without_fields):
        return None
    return Clause(must, without, fields, without_fields)


# --- terms ---------------------------------------------------------------------------------------


def _terms(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Each once, as it is written first."""
    found: dict[object, Term] = {}
    for term in terms:
        found.setdefault((term_words(term), term.prefix), term)
    return tuple(found.values())


def _contradict(must: tuple[Term, ...], without: tuple[Term, ...]) -> bool:
    """Whether a text that holds the one holds some of the other (not every such case is seen)."""
    words = {term_words(term) for term in without if not term.prefix}
    beginnings = {term_words(term) for term in without if term.prefix}
    starts = tuple(row[0] for row in beginnings if len(row) == 1)
    for term in must:
        row = term_words(term)
        if row in beginnings or (len(row) == 1 and row[0].startswith(starts)):
            return True
        tagged = len(row) == 1 and (row[0].removeprefix("#"),) in words
        if not term.prefix and (row in words or tagged):
            return True
    return False


def _distinct(found: list[Clause]) -> list[Clause]:
    """Each once, and, of few, none that another one holds."""
    unlike: dict[frozenset[object], Clause] = {}
    for clause in found:
        unlike.setdefault(_key(clause), clause)
    if len(unlike) > _FEW:
        return list(unlike.values())
    return [clause for key, clause in unlike.items() if not any(other < key for other in unlike)]


def _key(clause: Clause) -> frozenset[object]:
    """Its conditions: a clause with more of them is held by one with fewer."""
    return frozenset(
        [
            *((True, term_words(term), term.prefix) for term in clause.must),
            *((False, term_words(term), term.prefix) for term in clause.without),
            *((True, name, value.casefold()) for name, value in clause.fields.items()),
            *((False, name, value.casefold()) for name, value in clause.without_fields),
        ]
    )


# --- fields --------------------------------------------------------------------------------------


def _fields(told: list[Clause]) -> Mapping[str, str] | None:
    """The narrower value where several name a field, or None where nothing has them all."""
    found: dict[str, str] = {}
    for name, value in (pair for clause in told for pair in clause.fields.items()):
        held = found.get(name)
        if held is None or _covers(name, held, value):
            found[name] = value
        elif not _covers(name, value, held) and name != "to":
            return None
    return found


def _covers(name: str, wide: str, narrow: str) -> bool:
    """Whether every post with the narrow value has the wide one."""
    match name:
        case "lang":
            one, other = (value.casefold().replace("_", "-") for value in (wide, narrow))
            return other == one or other.startswith(f"{one}-")
        case "from" | "to":
            one, other = (folded(value).removeprefix("@") for value in (wide, narrow))
            return other == one or other.startswith((f"{one}@", f"{one}."))
        case "min_followers":
            return int(wide) <= int(narrow)
    return wide.casefold() == narrow.casefold()
