"""Sweeps on a Dask cluster: the same bytes as here, whatever becomes of a worker."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.designs import DESIGNS
from sim.errors import AsymbootError, InputError, MissingExtra, SchedulerGone, WorkerLost
from sim.study.system_space import Space, legal_vqs
from sim.sweep import dask_cluster, parted_plan
from sim.sweep.parts_run import Progress
from sim.sweep.sweep_run import resume_sweep, run_sweep
from sim.sweep.sweep_summary import read_summary
from tests.command_line import Asymboot
from tests.systems import group_of

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: the extra asymboot[cluster] is not tested"
)

SPACE = Space(
    (
        *(group_of(f"early{n}", legal_vqs(512)) for n in range(2)),
        *(group_of(f"late{n}", legal_vqs(512), late=True) for n in range(2)),
    ),
    kernel="6.12",
    designs=tuple(DESIGNS.values())[:5],
    name="clustered",
)
ROWS = 250
PARTS = 5**4 // (ROWS // 10)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent decides how large parts are; its workers do as they are told."""
    monkeypatch.setattr(parted_plan, "KEPT_ROWS", ROWS)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes of one thread each, which are started again when they die."""
    with started(2) as running:
        yield running


def started(count: int) -> Any:
    return distributed.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        scheduler_port=0,
        dashboard_address=":0",
        silence_logs=50,
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parted_plan, "KEPT_ROWS", ROWS)
        assert run_sweep(SPACE, folder, keep="all", jobs=1).plan.parts == PARTS
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def pids(running: Any) -> list[int]:
    return [int(one.pid) for one in running.workers.values()]


def test_a_cluster_writes_the_same_bytes(cluster: Any, local: Path, tmp_path: Path) -> None:
    done = []
    found = run_sweep(
        SPACE,
        tmp_path / "out",
        keep="all",
        scheduler=cluster.scheduler_address,
        report=lambda one: done.append(one.done),
    )
    assert found.complete
    assert done == sorted(set(done))
    assert len(done) == 1 + PARTS
    assert files(tmp_path / "out") == files(local)


@pytest.mark.parametrize("more", [{"symmetric": True}, {"sample": 200, "seed": 4}, {"sample": 5, "replications": 2}])
def test_every_walk_and_study_is_the_same_on_a_cluster(cluster: Any, tmp_path: Path, more: dict[str, Any]) -> None:
    run_sweep(SPACE, tmp_path / "here", keep="hazards", jobs=1, **more)
    run_sweep(SPACE, tmp_path / "there", keep="hazards", scheduler=cluster.scheduler_address, **more)
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_a_notebook_whose_loop_runs_reaches_a_cluster(cluster: Any, local: Path, tmp_path: Path) -> None:
    async def cell() -> None:
        run_sweep(SPACE, tmp_path / "out", keep="all", scheduler=cluster.scheduler_address)

    asyncio.run(cell())
    assert files(tmp_path / "out") == files(local)


def test_a_sweep_that_was_begun_here_goes_on_there(
    asymboot: Asymboot, cluster: Any, local: Path, tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def until_enough(progress: Progress) -> None:
        if progress.done >= 200:
            raise Enough

    with pytest.raises(Enough):
        run_sweep(SPACE, tmp_path / "out", keep="all", jobs=1, report=until_enough)
    assert read_summary(tmp_path / "out").points == 200
    words = ["sweep", "--resume", str(tmp_path / "out"), "--scheduler", cluster.scheduler_address, "-q"]
    result = asymboot(*words)
    assert (result.exit_code, result.output) == (0, "")
    assert files(tmp_path / "out") == files(local)


def test_a_worker_killed_in_the_middle_loses_nothing(local: Path, tmp_path: Path) -> None:
    with started(2) as running:
        before = pids(running)
        killed: list[int] = []

        def kill_one(progress: Progress) -> None:
            if progress.done >= 100 and not killed:
                killed.append(before[0])
                os.kill(before[0], signal.SIGKILL)

        found = run_sweep(SPACE, tmp_path / "out", keep="all", scheduler=running.scheduler_address, report=kill_one)
        assert killed
    assert found.complete
    assert files(tmp_path / "out") == files(local)


def close(running: Any) -> None:
    running.close()


def kill_all(running: Any) -> None:
    for pid in pids(running):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Dask's, of a cluster cut off
@pytest.mark.parametrize("end", [close, kill_all])
def test_a_cluster_that_ends_in_the_middle_is_one_line_and_nothing_is_lost(
    local: Path, tmp_path: Path, end: Callable[[Any], None]
) -> None:
    ended: list[int] = []

    def report(progress: Progress) -> None:
        if progress.done >= 100 and not ended:
            ended.append(progress.done)
            end(running)

    with started(1) as running:
        try:
            run_sweep(SPACE, tmp_path / "out", keep="all", scheduler=running.scheduler_address, report=report)
        except (SchedulerGone, WorkerLost) as error:
            assert "resume" in str(error)  # noqa: PT017 (a worker that is started again may go on just as well)
    assert read_summary(tmp_path / "out").points >= ended[0]
    resume_sweep(tmp_path / "out", jobs=1)
    assert files(tmp_path / "out") == files(local)


def refused(folder: Path, address: str, error: type[AsymbootError] = InputError) -> str:
    """The one line that a sweep with such a scheduler gets; whatever the folder holds, it can be gone on with."""
    with pytest.raises(error) as caught:
        run_sweep(SPACE, folder, keep="all", scheduler=address)
    return str(caught.value)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "tcp://no-such-host.invalid:8786", "udp://x:1", "", "tcp://", ":::"]
)
def test_a_scheduler_that_cannot_be_reached_is_told(
    monkeypatch: pytest.MonkeyPatch, local: Path, tmp_path: Path, address: str
) -> None:
    monkeypatch.setattr(dask_cluster, "_REACH_S", 1)
    line = refused(tmp_path / "out", address, SchedulerGone)
    assert line.startswith(f"scheduler {address!r}: cannot be reached: ")
    assert "\n" not in line
    resume_sweep(tmp_path / "out", jobs=1)
    assert files(tmp_path / "out") == files(local)


def test_a_scheduler_without_workers_is_told(asymboot: Asymboot, tmp_path: Path) -> None:
    with started(0) as running:
        address = running.scheduler_address
        assert refused(tmp_path / "out", address) == f"scheduler {address!r}: has no workers"
        result = asymboot("sweep", "--resume", str(tmp_path / "out"), "--scheduler", address)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.strip().splitlines()[-1] == f"asymboot: scheduler {address!r}: has no workers"


def test_workers_of_another_version_are_told(monkeypatch: pytest.MonkeyPatch, cluster: Any, tmp_path: Path) -> None:
    own = parted_plan.versions()
    monkeypatch.setattr(parted_plan, "version", lambda name: {**own, "numpy": "1.0"}[name])
    line = refused(tmp_path / "out", cluster.scheduler_address)
    assert line.startswith(f"scheduler {cluster.scheduler_address!r}: tcp://127.0.0.1:")
    assert line.endswith(f" has numpy {own['numpy']}, and this is 1.0")
    assert read_summary(tmp_path / "out").points == 0


def test_without_dask_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"^`scheduler` needs .*: pip install 'asymboot\[cluster\]'$"):
        run_sweep(SPACE, tmp_path / "out", scheduler="tcp://127.0.0.1:1")
