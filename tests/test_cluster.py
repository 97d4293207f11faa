"""Sweeps on a Dask cluster: the same bytes as here, also when a worker is killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.errors import InputError
from sim.study.space import Group, Space, legal_sets
from sim.sweep import plan as planning
from sim.sweep import workers
from sim.sweep.sweeping import Progress, run_sweep
from tests.test_sweep import contents

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: the extra asymboot[cluster] is not tested"
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, of which it has many
SPACE = Space(tuple(Group(f"g{n}", legal_sets(4), late=n > 1) for n in range(4)), kernel="6.12")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and two worker processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, scheduler_port=0
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few points."""
    monkeypatch.setattr(planning, "KEPT_ROWS", 500)


def test_a_cluster_writes_the_same_bytes_also_when_a_worker_is_killed(tmp_path: Path, cluster: Any) -> None:
    run_sweep(SPACE, tmp_path / "here", keep="all", jobs=1)
    run_sweep(SPACE, tmp_path / "there", keep="all", scheduler=cluster.scheduler_address)
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.done and not killed:
            with distributed.Client(cluster, set_as_default=False) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    run_sweep(SPACE, tmp_path / "killed", keep="all", scheduler=cluster.scheduler_address, report=kill)
    assert killed
    expected = contents(tmp_path / "here")
    assert len(expected) > 40
    assert contents(tmp_path / "there") == expected
    assert contents(tmp_path / "killed") == expected


def test_workers_of_another_version_are_not_used(tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = planning.versions()
    monkeypatch.setattr(workers, "versions", Versions(own | {"numpy": "1.0"}, own))
    with pytest.raises(InputError, match=r"scheduler 'tcp://.* has numpy .*, and this is 1\.0"):
        run_sweep(SPACE, tmp_path / "out", scheduler=cluster.scheduler_address)


class Versions:
    """Says one thing here and another on a worker, to which it is sent."""

    def __init__(self, here: dict[str, str], there: dict[str, str]) -> None:
        self.here, self.there = here, there

    def __call__(self) -> dict[str, str]:
        return self.here

    def __reduce__(self) -> tuple[Any, ...]:
        return Versions, (self.there, self.there)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1:9"])
def test_a_scheduler_that_is_not_there_is_one_line(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_REACH_S", 1)
    with pytest.raises(InputError, match=r"scheduler .*: cannot be reached: [^\n]+$"):
        run_sweep(SPACE, tmp_path / "out", scheduler=address)


def test_a_cluster_without_workers_is_one_line(tmp_path: Path) -> None:
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None, scheduler_port=0) as empty,
        pytest.raises(InputError, match="has no workers"),
    ):
        run_sweep(SPACE, tmp_path / "out", scheduler=empty.scheduler_address)
