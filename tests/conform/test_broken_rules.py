"""Tests that the records of real kernels notice a broken rule: each rule of CPU features is held by some record."""

from collections.abc import Iterator

import pytest

from sim.conform.conformance import replay
from sim.kernel.features import core_models, field_entries, system_features, system_registers
from tests.conform.broken_rules import BROKEN
from tests.conform.samples import feature_boots

_CACHES = (
    system_registers._safe,
    system_features._differing,
    field_entries._unmet,
    field_entries.is_met_by,
    core_models.is_listed,
)


def _forget() -> None:
    """Clear what is cached of outcomes of rules."""
    for cached in _CACHES:
        cached.cache_clear()


@pytest.fixture(autouse=True)
def _caches_of_the_broken_rule() -> Iterator[None]:
    yield
    _forget()


def _agrees(identity: str) -> bool:
    return all(field.agrees for field in replay(feature_boots()[identity]))


@pytest.mark.parametrize("rule", BROKEN)
def test_records_notice_that_a_rule_is_broken(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it, records = BROKEN[rule]
    assert [identity for identity in records if not _agrees(identity)] == []
    break_it(monkeypatch)
    _forget()
    assert [identity for identity in records if _agrees(identity)] == []
