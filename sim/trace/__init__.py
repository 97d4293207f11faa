"""Boots written as traces for other tools: as Perfetto's protobuf, as the kernel log, as JSON lines."""
