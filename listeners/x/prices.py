"""What reading X costs (docs.x.com/x-api/getting-started/pricing, read 2026-11-21): resources, never requests.

The same post or user read twice in one UTC day is charged once, "in the vast majority of cases"; here it counts twice.
"""

from dataclasses import dataclass

from listeners.x.names import Generation, most_included
from listeners.x.posts import Told


@dataclass(frozen=True, slots=True)
class Prices:
    """In USD, of one read. With `authors` each distinct author of an answer is one too."""

    post: float
    user: float
    mention: float
    authors: bool = True

    def worst(self, post: float, generation: Generation) -> float:
        """What one post of an answer may cost: it, what may come with it, and an author that no other post has."""
        return post + most_included(generation) * self.post + (self.user if self.authors else 0.0)

    def of(self, told: Told, post: float) -> float:
        """What an answer did cost, with so much for each post of it."""
        return told.posts * post + told.included * self.post + told.users * self.user
