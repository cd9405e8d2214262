"""A server that speaks the reviews part of the App Store Connect API, and really looks at the tokens.

with AppStoreServer() as server:
    server.review("1", "does not start")
    AppStoreListener(AppStoreKey(private_key(), server.key_id, server.issuer_id), server.base_url, apps=[server.app])
"""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.server import FakeServer, Fault, Reply, Request

__all__ = ["AppStoreServer", "Fault", "private_key"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
LONGEST_TOKEN_SECONDS = 20 * 60


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private_key() -> str:
    """The text of the `.p8` file."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


class AppStoreServer(FakeServer):
    """Reviews live in `reviews`, newest last."""

    app = "682658836"
    key_id = "2X9R4HXF34"
    issuer_id = "57246542-96fe-1a63-e053-0824d011072a"

    def __init__(self) -> None:
        super().__init__()
        self.reviews: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.claims: dict[str, Any] = {}
        self.ignores_paging = False
        self.stale_links = False
        self.next_host: str | None = None
        self.left = 3599
        self._written = 0

    def review(self, id_: str, body: str = "", **changes: Any) -> dict[str, Any]:
        """A new review, 20 seconds after the last one; unknown fields of later versions included."""
        self._written += 1
        attributes = {
            "rating": 2,
            "title": f"Title {id_}",
            "body": body or f"review {id_}",
            "reviewerNickname": "Anne Johnson",
            "createdDate": (START + timedelta(seconds=20 * self._written)).isoformat(),
            "territory": "FRA",
            "moodOfTomorrow": ["blue"],
            **changes,
        }
        review = {
            "type": "customerReviews",
            "id": id_,
            "attributes": attributes,
            "links": {"self": "https://x.example"},
        }
        self.reviews.append(review)
        return review

    def edit(self, id_: str, text: str) -> None:
        review = next(review for review in self.reviews if review["id"] == id_)
        review["attributes"] |= {"title": text, "body": text}

    def answer_review(self, id_: str, text: str, at: datetime) -> None:
        attributes = {"responseBody": text, "lastModifiedDate": at.isoformat(), "state": "PUBLISHED"}
        self.answers[id_] = {"type": "customerReviewResponses", "id": f"answer-{id_}", "attributes": attributes}
        review = next(review for review in self.reviews if review["id"] == id_)
        data = {"type": "customerReviewResponses", "id": f"answer-{id_}"}
        review["relationships"] = {"response": {"data": data, "links": {}}}

    def delete(self, id_: str) -> None:
        self.reviews = [review for review in self.reviews if review["id"] != id_]

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        reply = self._answer(request) if self._knows(request) else error(401, "NOT_AUTHORIZED")
        reply.headers = {"X-Rate-Limit": f"user-hour-lim:3600;user-hour-rem:{self.left};"}
        return reply

    def _knows(self, request: Request) -> bool:
        token = (request.token or "").removeprefix("Bearer ")
        try:
            header = jwt.get_unverified_header(token)
            options: Any = {"require": ["exp", "iat"]}
            self.claims = jwt.decode(token, _key().public_key(), ["ES256"], options, audience="appstoreconnect-v1")
        except jwt.PyJWTError:
            return False
        lifetime = self.claims["exp"] - self.claims["iat"]
        known = self.claims.get("iss") == self.issuer_id or self.claims.get("sub") == "user"
        return header.get("kid") == self.key_id and known and lifetime <= LONGEST_TOKEN_SECONDS

    def _answer(self, request: Request) -> Reply:
        if request.path == f"/v1/apps/{self.app}/customerReviews":
            return self._page(request)
        if request.path == "/v1/apps":
            return Reply({"data": [{"type": "apps", "id": self.app}], "links": {}})
        if request.method == "POST" and request.path == "/v1/customerReviewResponses":
            return self._respond(json.loads(request.body)["data"])
        for review in self.reviews:
            if request.path == f"/v1/customerReviews/{review['id']}":
                answer = self.answers.get(review["id"])
                included = {"included": [answer]} if answer and request.query.get("include") == "response" else {}
                return Reply({"data": review, "links": {}, **included})
        return error(404, "NOT_FOUND")

    def _respond(self, data: dict[str, Any]) -> Reply:
        """The developer's answer, in the place of an older one."""
        of = data["relationships"]["review"]["data"]
        if data["type"] != "customerReviewResponses" or of["type"] != "customerReviews":
            return error(409, "ENTITY_ERROR.RELATIONSHIP.INVALID")
        if of["id"] not in {review["id"] for review in self.reviews}:
            return error(404, "NOT_FOUND")
        self.answer_review(of["id"], data["attributes"]["responseBody"], START)
        return Reply({"data": self.answers[of["id"]]}, 201)

    def _page(self, request: Request) -> Reply:
        query = request.query
        if "cursor" in query and self.stale_links:
            return error(400, "PARAMETER_ERROR.INVALID")
        assert query.get("sort", "-createdDate") == "-createdDate"
        newest_first, size = self.reviews[::-1], int(query["limit"])
        start = int(query.get("cursor", "at0").removeprefix("at"))
        page = newest_first[:size] if self.ignores_paging else newest_first[start : start + size]
        links = {"self": self.base_url + request.path}
        if start + size < len(newest_first):
            asked = f"cursor=at{start + size}&sort=-createdDate&limit={size}&include=response"
            links["next"] = f"http://{self.next_host or self.host}{request.path}?{asked}"
        included = [self.answers[review["id"]] for review in page if review["id"] in self.answers]
        more = {"included": included} if included and query.get("include") == "response" else {}
        return Reply({"data": page, "links": links, "meta": {"paging": {"total": len(newest_first)}}, **more})


def error(status: int, code: str) -> Reply:
    """An error as Apple writes it."""
    return Reply({"errors": [{"id": "1", "status": str(status), "code": code, "title": "said in words"}]}, status)
