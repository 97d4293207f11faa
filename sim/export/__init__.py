"""Topologies written for other emulators and tools, a module for each format."""
