"""A server that speaks the part of Trustpilot's API that shows a business unit's reviews.

with TrustpilotServer() as server:
    server.review("53bffd36", stars=1)
    TrustpilotListener("a-key", server.base_url)
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
TOKEN_PATH = "/v1/oauth/oauth-business-users-for-applications/accesstoken"
UNIT = "46a1b2c3"


def iso(moment: datetime) -> str:
    """As Trustpilot writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class TrustpilotServer(FakeServer):
    """Reviews live in `reviews`, newest last. `page_limit` may be less than what was asked for."""

    def __init__(self, api_key: str = "a-token") -> None:
        super().__init__()
        self.api_key, self.api_secret = api_key, "a-secret"
        self.reviews: list[dict[str, Any]] = []
        self.page_limit = 100
        self.ignores_paging = False
        self._posted = 0

    def review(self, id_: str, **changes: Any) -> dict[str, Any]:
        """A new review, a minute after the last one."""
        self._posted += 1
        review = {
            "id": id_,
            "consumer": {"id": f"c{id_}", "displayName": "Camille R.", "displayLocation": "Rennes, FR", "links": []},
            "businessUnit": {"id": UNIT, "displayName": "Hirondelle", "identifyingName": "hirondelle.example"},
            "location": None,
            "stars": 1,
            "title": f"post {id_}",
            "text": "Colis jamais reçu.",
            "language": "fr",
            "createdAt": iso(START + timedelta(minutes=self._posted)),
            "experiencedAt": iso(START),
            "updatedAt": None,
            "companyReply": None,
            "isVerified": True,
            "source": "Organic",
            "numberOfLikes": 0,
            "status": "active",
            "reportData": None,
            "complianceLabels": [],
            "countsTowardsTrustScore": True,
            "invitation": None,
            "a_field_of_tomorrow": [{"deep": {"er": None}}],
            **changes,
        }
        self.reviews.append(review)
        return review

    def edit(self, id_: str, **changes: Any) -> None:
        next(review for review in self.reviews if review["id"] == id_).update(changes)

    def delete(self, id_: str) -> None:
        self.reviews = [review for review in self.reviews if review["id"] != id_]

    def answer(self, request: Request) -> Reply:
        if request.path == TOKEN_PATH:
            return self._token(request)
        if request.method == "POST":
            return self._reply(request)
        if request.headers.get("apikey") != self.api_key:
            return Reply({"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth"}}}, 401)
        parts = request.path.strip("/").split("/")
        if parts[:2] == ["v1", "business-units"] and parts[2:3] == [UNIT]:
            return self._unit() if len(parts) == 3 else self._reviews(request.query)
        if parts[:2] == ["v1", "reviews"]:
            found = [review for review in self.reviews if review["id"] == parts[2]]
            return Reply(found[0]) if found else self._missing()
        return self._missing()

    def _token(self, request: Request) -> Reply:
        pair = base64.b64encode(f"{self.api_key}:{self.api_secret}".encode()).decode()
        if request.token != f"Basic {pair}" or request.body != b"grant_type=client_credentials":
            return Reply({"reason": "Invalid credentials"}, 401)
        return Reply({"access_token": "a-bearer", "expires_in": "359999"})

    def _reply(self, request: Request) -> Reply:
        """The company's answer; a review has one."""
        if request.token != "Bearer a-bearer":
            return Reply({"reason": "Invalid token"}, 401)
        parts, told = request.path.strip("/").split("/"), json.loads(request.body)
        found = [review for review in self.reviews if review["id"] == parts[3]]
        if parts[:3] != ["v1", "private", "reviews"] or parts[4:] != ["reply"] or not found:
            return self._missing()
        found[0]["companyReply"] = {"text": told["message"], "createdAt": iso(START), "updatedAt": None}
        return Reply({}, 201)

    def _unit(self) -> Reply:
        return Reply({"id": UNIT, "displayName": "Hirondelle", "numberOfReviews": {"total": len(self.reviews)}})

    def _reviews(self, query: dict[str, str]) -> Reply:
        size = min(int(query.get("perPage", 20)), self.page_limit)
        start = 0 if self.ignores_paging else (int(query.get("page", 1)) - 1) * size
        newest_first = list(reversed(self.reviews))
        return Reply({"links": [], "reviews": newest_first[start : start + size]})

    @staticmethod
    def _missing() -> Reply:
        return Reply({"message": "Not found", "errorCode": 1004, "details": "", "correlationId": "0"}, 404)
