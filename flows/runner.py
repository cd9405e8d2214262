"""Running the flows in this process: with the Prefect API that is configured, or a local one for the time."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterState, TaskRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.events.worker import EventsWorker
from prefect.runner import Runner
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)
from prefect.types.entrypoint import EntrypointType

from config.wiring import App
from flows.base import Outcome
from flows.pipeline import BESIDE, STAGES, log, pipeline
from flows.server import LocalApi

PREFECT_YAML = Path(__file__).parent.parent / "prefect.yaml"
DRAIN_SECONDS = 15.0
UNFINISHED = [StateType.PENDING, StateType.RUNNING, StateType.SCHEDULED]


def run_once(app: App, stages: Sequence[str], tell: Callable[[str], None]) -> dict[str, Outcome]:
    """The named stages once, in order; ends when the last task run is recorded."""
    # Each flow run would wait for its heartbeat's thread: 0.9 s a flow.
    no_heartbeat = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with prefect_api(app, tell) as url, temporary_settings({PREFECT_API_URL: url, **no_heartbeat}):
        with _told(tell):
            done = pipeline(tuple(stages))
        _drain()
        return done


@contextmanager
def _told(tell: Callable[[str], None]) -> Iterator[None]:
    """What the flows log goes to the operator too."""
    handler = _Teller(tell)
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.level, log.propagate = before


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


@contextmanager
def prefect_api(app: App, tell: Callable[[str], None], scheduling: bool = False) -> Iterator[str]:
    """The URL of the configured API; where there is none, of a local one that ends with this context."""
    configured = get_current_settings().api.url
    if configured:
        yield configured
        return
    tell("starting a local Prefect API (5 to 20 s) …")
    local = LocalApi(app.settings.path(".vigie/prefect"), scheduling)
    try:
        app.database, app.reader  # noqa: B018 - loaded while the API starts
        yield local.wait(app.settings.prefect.start_seconds)
    finally:
        local.stop()


def serve_all(app: App, tell: Callable[[str], None]) -> None:
    """Every deployment of `prefect.yaml` on its schedule, in this process, until it is stopped."""
    with prefect_api(app, tell, scheduling=True) as url, temporary_settings({PREFECT_API_URL: url}):
        deployments = [_deployment(entry) for entry in _entries() if entry.get("schedules")]
        for deployment in deployments:
            tell(f"{deployment.name}: {', '.join(_when(deployment))}")
        asyncio.run(_serve(deployments))


async def _serve(deployments: Sequence[RunnerDeployment]) -> None:
    """Serve until SIGINT or SIGTERM; what runs then is ended, its leases are taken over by the next start."""
    runner = _Runner(pause_on_shutdown=True)
    for deployment in deployments:
        await runner.aadd_deployment(deployment)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, runner.told_to_end.set)
    serving = asyncio.create_task(runner.start(webserver=False))
    told = asyncio.create_task(runner.told_to_end.wait())
    await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        await runner.astop()
    with suppress(asyncio.CancelledError):
        await serving


class _Runner(Runner):
    """Prefect's runner stops itself from inside a signal handler, which ends in a traceback; this one asks its loop."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.told_to_end = asyncio.Event()

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
        """Called by the signal; the loop wakes up and ends."""
        asyncio.get_running_loop().call_soon_threadsafe(self.told_to_end.set)


def _entries() -> list[dict[str, Any]]:
    return list(yaml.safe_load(PREFECT_YAML.read_text(encoding="utf-8"))["deployments"])


def _deployment(entry: dict[str, Any]) -> RunnerDeployment:
    flows: dict[str, Flow[..., Any]] = {**STAGES, **BESIDE, "pipeline": pipeline}
    made = flows[entry["name"]].to_deployment(
        name=entry["name"],
        cron=[schedule["cron"] for schedule in entry["schedules"]],
        tags=entry.get("tags", []),
        concurrency_limit=1,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return asyncio.run(made) if asyncio.iscoroutine(made) else made


def _when(deployment: RunnerDeployment) -> list[str]:
    return [str(getattr(schedule.schedule, "cron", schedule)) for schedule in deployment.schedules or []]


def _drain() -> None:
    """Wait until Prefect has recorded every task run, so that none is left for ever running in its page."""
    deadline = time.monotonic() + DRAIN_SECONDS
    unfinished = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED)))
    with get_client(sync_client=True) as client:
        while client.read_task_runs(task_run_filter=unfinished, limit=1) and time.monotonic() < deadline:
            time.sleep(0.1)
    EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)
