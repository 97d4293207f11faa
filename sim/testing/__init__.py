"""The simulator in other people's tests: scenario files as tests, fixtures, readable assertions, strategies."""
