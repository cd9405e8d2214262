"""All stages in turn."""

import logging
from collections.abc import Sequence

from prefect import Flow, flow

from flows.base import Outcome, summary
from flows.classify import classify
from flows.collect import collect
from flows.comply import comply
from flows.contact import contact
from flows.follow_up import follow_up, recover
from flows.learn import learn
from flows.route import route
from flows.sync import sync

log = logging.getLogger("vigie")

STAGES: dict[str, Flow[[], Outcome]] = {
    "collect": collect,
    "classify": classify,
    "route": route,
    "contact": contact,
    "follow_up": follow_up,
}

# On schedules of their own, and by name.
BESIDE: dict[str, Flow[[], Outcome]] = {"comply": comply, "sync": sync, "learn": learn}


@flow(name="pipeline")
def pipeline(stages: Sequence[str] = tuple(STAGES)) -> dict[str, Outcome]:
    """The named stages in the order of the pipeline. What a crash left is put right first."""
    recover()
    done: dict[str, Outcome] = {}
    for name, stage in {**STAGES, **BESIDE}.items():
        if name in stages:
            log.info("%s …", name)
            done[name] = stage()
    summary(done)
    return done
