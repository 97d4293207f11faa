"""Tests that the records of real kernels notice a broken rule: each rule of CPU features is held by some record."""

import pytest

from sim.conform.conformance import replay
from tests.conform.broken_rules import BROKEN
from tests.conform.samples import feature_boots


def _agrees(identity: str) -> bool:
    return all(field.agrees for field in replay(feature_boots()[identity]))


@pytest.mark.parametrize("rule", BROKEN)
def test_records_notice_that_a_rule_is_broken(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it, records = BROKEN[rule]
    assert [identity for identity in records if not _agrees(identity)] == []
    break_it(monkeypatch)
    assert [identity for identity in records if _agrees(identity)] == []
