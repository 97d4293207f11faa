"""Each shipped scenario has the verdict that its comment claims."""

from pathlib import Path

import pytest

from sim.booting import boot
from sim.files.scenario_file import read_scenario

FOLDER = Path(__file__).parent.parent / "topologies"
CLAIM = "# Verdict: "


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_a_scenario_has_the_verdict_it_claims(file: Path) -> None:
    claim = next(line for line in file.read_text().splitlines() if line.startswith(CLAIM))
    claimed = claim.removeprefix(CLAIM).split("; ")
    found = dict.fromkeys(hazard.kind.title for hazard in boot(read_scenario(file)).found)
    assert list(found) == ([] if claimed == ["none"] else claimed)
