"""Tools for tests in other projects: scenario files as tests, fixtures, assertions and Hypothesis strategies."""
