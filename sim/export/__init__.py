"""Topologies written for other emulators and tools, a module for each format.

A part of a scenario that a format cannot hold is either lost, and listed with the export, or refused with an error:
refused if another system would result without it. docs/exporting.md describes the formats for users.
"""
