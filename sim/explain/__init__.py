"""Kernel logs explained: what happened to which CPU, what the lines mean, and what to look at next."""
