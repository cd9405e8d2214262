"""A customer's way with the brand: its moments of truth, and the ruptures in it."""

MOMENTS = ("purchase", "delivery", "use", "billing", "after_sales", "leaving")

# channel_switched: another channel after no answer; asked_again: the same matter again; passed_on: from hand to hand
# more than twice; contradicted: two answers that do not agree; promise_broken: silence after a promise.
RUPTURES = ("channel_switched", "asked_again", "passed_on", "contradicted", "promise_broken")
