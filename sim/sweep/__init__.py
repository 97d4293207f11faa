"""Sweeps: every point of a space, or a sample, computed part by part, on one machine or many, into a folder."""
