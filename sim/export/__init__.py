"""Topologies for other emulators and tools, a file a format."""
