"""A server that speaks the reviews part of the Google Play Developer API and gives out tokens to a service account.

with GooglePlayServer() as server:
    server.review("1", "does not start")
    GooglePlayListener(server.key(), server.base_url, packages=[server.package])
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.server import FakeServer, Fault, Reply, Request

__all__ = ["Fault", "GooglePlayServer"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
AUDIENCE = "https://oauth2.googleapis.com/token"  # whatever address the key file names
LONGEST_REPLY = 350
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class GooglePlayServer(FakeServer):
    """Reviews live in `reviews`, the last changed one last. `token_reply` is what the token endpoint says instead."""

    spared = ("/token",)
    package = "com.example.hirondelle"
    token = "ya29.a-token"
    email = "vigie@project.iam.example"

    def __init__(self) -> None:
        super().__init__()
        self.reviews: list[dict[str, Any]] = []
        self.ignores_paging = False
        self.stale_tokens = False
        self.token_reply: Reply | None = None
        self._written = 0

    def key(self) -> dict[str, Any]:
        """The service account's key file."""
        pem = private_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": self.email,
            "token_uri": f"{self.base_url}/token",
        }

    def review(self, id_: str, text: str = "", **changes: Any) -> dict[str, Any]:
        """A new review, 20 seconds after the last one; unknown fields of later versions included."""
        self._written += 1
        moment = START + timedelta(seconds=20 * self._written)
        comment = {
            "text": text or f"\treview {id_}",
            "lastModified": {"seconds": str(int(moment.timestamp())), "nanos": 713000000},
            "starRating": 2,
            "reviewerLanguage": "fr_CA",
            "device": "klte",
            "androidOsVersion": 34,
            "appVersionCode": 12345,
            "appVersionName": "1.2.3",
            "thumbsUpCount": 10,
            "thumbsDownCount": 3,
            "deviceMetadata": {"productName": "E5333 (Xperia™ C4 Dual)", "ramMb": 2048},
            "mood_of_tomorrow": ["blue"],
            **changes,
        }
        review = {"reviewId": id_, "authorName": "Jane Bloggs", "comments": [{"userComment": comment}]}
        self.reviews.append(review)
        return review

    def edit(self, id_: str, text: str, at: datetime = datetime(2026, 11, 3, 10, tzinfo=UTC)) -> None:
        """A changed review goes to the top of the list."""
        review = next(review for review in self.reviews if review["reviewId"] == id_)
        self.reviews.remove(review)
        review["comments"][0]["userComment"] |= {"text": text, "lastModified": {"seconds": str(int(at.timestamp()))}}
        self.reviews.append(review)

    def answer_review(self, id_: str, text: str, at: datetime) -> None:
        review = next(review for review in self.reviews if review["reviewId"] == id_)
        answer = {"text": text, "lastModified": {"seconds": str(int(at.timestamp())), "nanos": 0}}
        review["comments"].append({"developerComment": answer})

    def delete(self, id_: str) -> None:
        self.reviews = [review for review in self.reviews if review["reviewId"] != id_]

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if request.path == "/token":
            return self.token_reply or self._token(request)
        if request.token != f"Bearer {self.token}":
            return Reply({"error": {"code": 401, "message": "no credentials", "status": "UNAUTHENTICATED"}}, 401)
        path = unquote(request.path)
        root = f"/androidpublisher/v3/applications/{self.package}/reviews"
        if path == root:
            return self._page(request.query)
        if path.startswith(f"{root}/"):
            if request.method == "POST" and path.endswith(":reply"):
                return self._reply(request, path.removeprefix(f"{root}/").removesuffix(":reply"))
            for review in self.reviews:
                if review["reviewId"] == path.removeprefix(f"{root}/"):
                    return Reply(review)
        return Reply({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}, 404)

    def _reply(self, request: Request, id_: str) -> Reply:
        """The developer's answer, in the place of an older one."""
        text = json.loads(request.body)["replyText"]
        found = [review for review in self.reviews if review["reviewId"] == id_]
        if not found:
            return Reply({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}, 404)
        if len(text) > LONGEST_REPLY:
            return Reply({"error": {"code": 400, "message": "too long", "status": "INVALID_ARGUMENT"}}, 400)
        found[0]["comments"] = found[0]["comments"][:1]
        self.answer_review(id_, text, START)
        edited = {"seconds": str(int(START.timestamp())), "nanos": 0}
        return Reply({"result": {"replyText": text, "lastEdited": edited}})

    def _token(self, request: Request) -> Reply:
        """The token for an assertion (RFC 7523) that the service account really signed."""
        asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        try:
            claims = jwt.decode(
                asked["assertion"],
                private_key().public_key(),
                algorithms=["RS256"],
                audience=AUDIENCE,
                issuer=self.email,
                options={"require": ["exp", "iat"]},
            )
        except (jwt.PyJWTError, KeyError):
            return Reply({"error": "invalid_grant"}, 400)
        if asked.get("grant_type") != GRANT or claims.get("scope") != SCOPE:
            return Reply({"error": "invalid_scope"}, 400)
        return Reply({"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"})

    def _page(self, query: dict[str, str]) -> Reply:
        if "token" in query and self.stale_tokens:
            details = [{"reason": "invalidPageToken"}]
            return Reply({"error": {"code": 400, "status": "INVALID_ARGUMENT", "errors": details}}, 400)
        newest_first, size = self.reviews[::-1], int(query["maxResults"])
        start = int(query.get("token", "at0").removeprefix("at"))
        page = newest_first[:size] if self.ignores_paging else newest_first[start : start + size]
        if not page:
            return Reply({})
        paging = {"tokenPagination": {"nextPageToken": f"at{start + size}"}} if start + size < len(newest_first) else {}
        return Reply({"reviews": page, **paging})
