"""Conformance: recorded and live boots of real kernels, compared with the model field by field."""
