"""The number of examples that Hypothesis draws: few in `make test`, more in `make test-all`."""

from hypothesis import settings

settings.register_profile("short", max_examples=40, deadline=None)  # no test asserts a time
settings.register_profile("long", max_examples=100, deadline=None)
settings.register_profile("repeatable", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("short")


def examples(times: float) -> settings:
    """Return settings for `times` as many examples as the profile has."""
    assert settings.default is not None
    return settings(max_examples=round(times * settings.default.max_examples))
