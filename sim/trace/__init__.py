"""Boots as traces for other tools: Perfetto's own format, the kernel log as text, events as JSON lines."""
