"""The causes of a boot's events, and the critical path that its length follows from."""
