"""Vigie as its operators schedule it: `prefect deploy --all` for a work pool, `vigie work` on one machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.server import LocalApi

ROOT = Path(__file__).parents[2]
STAGES = {"collect", "classify", "route", "contact", "follow_up", "comply", "sync", "learn"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect API that also makes scheduled runs."""
    local = LocalApi(tmp_path_factory.mktemp("prefect"), scheduling=True)
    yield local.wait(180)
    local.stop()


@pytest.fixture
def client(api: str) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as opened:
        yield opened


def command(folder: Path, api: str, *words: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PREFECT_API_URL": api,
        "VIGIE_CONFIG": str(folder / "vigie.toml"),
        "VIGIE_WORK_POOL": "care",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_one_process_works_every_deployment_and_ends_when_told(
    tmp_path: Path, api: str, client: SyncPrefectClient
) -> None:
    (tmp_path / "vigie.toml").write_text('[brand]\nname = "Hirondelle"\n', encoding="utf-8")
    process = command(tmp_path, api, "cli.main", "work")
    try:
        told = {process.stdout.readline().split(":")[0] for _ in STAGES}  # type: ignore[union-attr]
        assert told == STAGES
        assert finished(client, "follow_up/follow_up").state_name == "Completed"
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert "Traceback" not in out


def test_every_stage_deploys_to_a_work_pool_with_its_schedule(
    tmp_path: Path, api: str, client: SyncPrefectClient
) -> None:
    client.create_work_pool(WorkPoolCreate(name="care", type="process"))
    process = command(tmp_path, api, "prefect", "--no-prompt", "deploy", "--all")
    out, _ = process.communicate(timeout=180)
    assert process.returncode == 0, out
    made = {deployment.name: deployment for deployment in client.read_deployments()}
    wanted = {entry["name"]: entry for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
    assert made.keys() == wanted.keys() == STAGES | {"pipeline"}
    for name, entry in wanted.items():
        assert set(made[name].tags) == set(entry["tags"])
        assert made[name].work_pool_name == "care"
        assert made[name].global_concurrency_limit.limit == 1
        crons = [schedule.schedule.cron for schedule in made[name].schedules]
        assert crons == [schedule["cron"] for schedule in entry.get("schedules", [])]


def finished(client: SyncPrefectClient, name: str) -> FlowRun:
    """Ask for a run of a deployment, once somebody serves it, and wait for its end."""
    deadline = time.monotonic() + 180
    while (deployment_id := ready(client, name)) is None and time.monotonic() < deadline:
        time.sleep(0.5)
    assert deployment_id is not None, f"nobody serves {name}"
    run = client.create_flow_run_from_deployment(deployment_id)
    while not run.state.is_final() and time.monotonic() < deadline:  # type: ignore[union-attr]
        time.sleep(0.5)
        run = client.read_flow_run(run.id)
    return run


def ready(client: SyncPrefectClient, name: str) -> UUID | None:
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None
    return deployment.id if deployment.status == "READY" else None
