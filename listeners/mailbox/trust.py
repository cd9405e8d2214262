"""Whether a mail was really sent by the domain that it names: what the operator's own mail server found.

`From` can be forged by anybody. The server that took the mail in writes what it checked into
`Authentication-Results` (RFC 8601). Only the topmost header of the one server that the operator trusts counts:
a forger writes such headers too, below it. DMARC (RFC 7489) ties SPF and DKIM to the domain of `From`.
"""

import re
from collections.abc import Iterator, Sequence

_ID = re.compile(r"[\w.-]{1,253}")
_RESULT = re.compile(r"\s*([\w-]{1,40})\s*=\s*([\w-]{1,40})(?:\s|$)")
_PROPERTY = re.compile(r"(?<!\S)([\w.-]{1,60})\s*=\s*(\S{1,320})")


def is_authenticated(results: Sequence[str], trusted: str, domain: str) -> bool:
    """Whether the trusted server (its authserv-id; empty: none) says that `domain` sent this mail."""
    found = _of_server(results, trusted) if trusted and domain else None
    if found is None:
        return False
    methods = list(_methods(found))
    dmarc = [(verdict, told) for method, verdict, told in methods if method == "dmarc"]
    if dmarc:
        verdict, told = dmarc[0]
        return len(dmarc) == 1 and verdict == "pass" and told.get("header.from", domain) == domain
    spf = [told.get("smtp.mailfrom", "") for method, verdict, told in methods if (method, verdict) == ("spf", "pass")]
    dkim = [told.get("header.d", "") for method, verdict, told in methods if (method, verdict) == ("dkim", "pass")]
    return any(_aligned(name, domain) for name in spf) and any(_aligned(name, domain) for name in dkim)


def _of_server(results: Sequence[str], trusted: str) -> str | None:
    """The topmost header of this server, without its comments and quoted strings, which a sender may fill."""
    for header in results:
        plain = _without_words(header)
        server, _, rest = plain.partition(";")
        name = _ID.match(server.strip())
        if name is not None and name.group().lower() == trusted.strip().lower():
            return rest
    return None


def _methods(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """method, verdict and properties of each result, in lower case."""
    for part in text.lower().split(";"):
        found = _RESULT.match(part)
        if found is not None:
            yield found[1], found[2], dict(_PROPERTY.findall(part[found.end() :]))


def _aligned(name: str, domain: str) -> bool:
    """Whether a domain, or the domain of an address, is that of `From` or one above it."""
    sender = name.rpartition("@")[2].strip(".")
    return "." in sender and (domain == sender or domain.endswith(f".{sender}"))


def _without_words(header: str) -> str:
    """Comments and quoted strings taken out, in one pass: each may hold the signs of the other."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for sign in header:
        inside = quoted or depth > 0
        if escaped:
            escaped = False
        elif sign == "\\" and inside:
            escaped = True
        elif sign == '"' and not depth:
            quoted = not quoted
        elif sign == "(" and not quoted:
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
        elif not inside:
            kept.append(sign)
    return "".join(kept)
