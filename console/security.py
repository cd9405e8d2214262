"""What every answer carries and every request must show: headers, origin, size."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from listeners.webhook.listener import PATH as HOOKS

RECEIPTS = "/receipts/"
UNSUBSCRIBE = re.compile(r"/p/[^/]+/unsubscribe")
MAX_BODY = 64 * 1024
MAX_DELIVERY = 1024 * 1024
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

# The one place that says what a page of the console may do. Nothing is allowed but what stands here.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",  # whatever is not named below is refused: frames, workers, media, fonts, connections
        "script-src 'self'",  # the one file console.js; no inline script, no eval
        "style-src 'self'",  # the one file console.css; charts come without style attributes
        "img-src 'self'",  # the icon; pictures of foreign posts are never loaded
        "form-action 'self'",  # a planted form cannot carry a token away
        "base-uri 'none'",  # a planted <base> cannot bend our links
        "frame-ancestors 'none'",  # nobody may frame the console and steal clicks
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `same-origin`, not `no-referrer`: with the latter browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex",
}


class Guard:
    """Adds the headers to every answer, and turns away requests that another site made or that are too large."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        self._headers = {**HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if secure else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        scope.setdefault("state", {})["refusal"] = refusal(scope["method"], headers, path)
        await self._app(scope, _limited(receive, scope, largest(path)), _adding(self._headers, send))


def largest(path: str) -> int:
    """The longest body, in bytes, that this address takes."""
    return MAX_DELIVERY if path.startswith(HOOKS) else MAX_BODY


def refusal(method: str, headers: Mapping[str, str], path: str = "/") -> int | None:
    """The status with which a request must be turned away, None if it may pass.

    A delivery from outside (`console/hooks.py`, `console/receipts.py`) is no form: it carries no cookie and shows its
    own signature. Nor is the one click of a mail program (RFC 8058), whose address is signed.
    Any other request that changes something must come from a page of this very site: browsers say so by
    `Sec-Fetch-Site` and `Origin` (OWASP, "Cross-Site Request Forgery Prevention"); one of them must be there.
    """
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > largest(path):
        return 413
    if method in SAFE_METHODS or path.startswith((HOOKS, RECEIPTS)) or UNSUBSCRIBE.fullmatch(path):
        return None
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return 403
    if site is not None and site not in ("same-origin", "none"):
        return 403
    return 403 if origin is not None and not _same_host(origin, headers.get("host")) else None


def _same_host(origin: str, host: str | None) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == str(host).lower()
    except ValueError:
        return False


def _limited(receive: Receive, scope: Scope, limit: int) -> Receive:
    """The body, cut off once it is longer than it may be, whatever its length header said."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            scope["state"]["refusal"] = 413
            return {"type": "http.request", "body": b"", "more_body": False}
        return message

    return limited


def _adding(headers: Mapping[str, str], send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            found = MutableHeaders(scope=message)
            for name, value in headers.items():
                found[name] = value
            if "cache-control" not in found:
                found["Cache-Control"] = "no-store"
        await send(message)

    return adding
