"""A server that speaks the Stack Exchange API 2.3.

with StackExchangeServer() as server:
    server.post(1, "the parcel is lost")
"""

from datetime import UTC, datetime
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
SITE = "meta.parcels"


class StackExchangeServer(FakeServer):
    """Questions live in `questions`, newest last. `backoff` is told in every answer, `quota` is what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[dict[str, Any]] = []
        self.ignores_paging = False
        self.keys: set[str] | None = None
        self.seconds_apart = 30
        self.page_limit = 100
        self.backoff: Any = None
        self.quota = 9_876
        self._asked = 0

    def post(self, number: int, body: str = "", **changes: Any) -> dict[str, Any]:
        """A new question; unknown fields of later versions included."""
        at = int(START.timestamp()) + self.seconds_apart * self._asked
        self._asked += 1
        question = {
            "question_id": number,
            "title": "Where is my parcel &amp; who has it?",
            "body": body or f"<p>question {number}</p>",
            "link": f"https://parcels.example/questions/{number}/where",
            "owner": {
                "account_id": 7,
                "user_id": 77,
                "user_type": "registered",
                "display_name": "Al &amp; Co",
                "reputation": 12,
                "link": "https://parcels.example/users/77/al",
            },
            "tags": ["parcels"],
            "is_answered": False,
            "answer_count": 2,
            "score": 3,
            "view_count": 30,
            "creation_date": at,
            "last_activity_date": at,
            "content_license": "CC BY-SA 4.0",
            "a_field_of_tomorrow": [{"deep": {"er": None}}],
            **changes,
        }
        self.questions.append(question)
        return question

    def edit(self, number: int, title: str, at: datetime) -> None:
        seconds = int(at.timestamp())
        self._question(number).update(title=title, last_edit_date=seconds, last_activity_date=seconds)

    def delete(self, number: int) -> None:
        self.questions.remove(self._question(number))

    def _question(self, number: int) -> dict[str, Any]:
        return next(question for question in self.questions if question["question_id"] == number)

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        query = request.query
        if self.keys is not None and query.get("key") not in self.keys:
            return self._error(405, "key_required")
        if query.get("site") != SITE:
            return self._error(400, "bad_parameter")
        if request.path == "/search/advanced":
            return self._search(query)
        if request.path == "/info":
            return self._wrapped([{"total_questions": len(self.questions), "new_active_users": 1}], more=False)
        if request.path.startswith("/posts/"):
            numbers = request.path.removeprefix("/posts/").split(";")
            found = [each for each in self.questions if str(each["question_id"]) in numbers]
            return self._wrapped([{"post_id": each["question_id"], "post_type": "question"} for each in found], False)
        return self._error(404, "no_method")

    def _search(self, query: dict[str, str]) -> Reply:
        start, end = int(query.get("min", 0)), int(query.get("max", 2**40))
        end = 2**40 if self.ignores_paging else end
        found = [
            question
            for question in sorted(self.questions, key=_activity, reverse=True)
            if start <= _activity(question) <= end and query["q"].lower() in f"{question}".lower()
        ]
        size = min(int(query["pagesize"]), self.page_limit)
        page = 0 if self.ignores_paging else int(query["page"]) - 1
        shown = found[page * size : (page + 1) * size]
        body = shown if query.get("filter") == "withbody" else [{**each, "body": None} for each in shown]
        return self._wrapped(body, self.ignores_paging or len(found) > (page + 1) * size)

    def _wrapped(self, items: list[Any], more: bool) -> Reply:
        body = {"items": items, "has_more": more, "quota_max": 10_000, "quota_remaining": self.quota}
        return Reply(body | ({"backoff": self.backoff} if self.backoff is not None else {}))

    @staticmethod
    def _error(number: int, name: str) -> Reply:
        return Reply({"error_id": number, "error_name": name, "error_message": name}, 400)


def _activity(question: dict[str, Any]) -> int:
    return int(question["last_activity_date"] or START.timestamp())
