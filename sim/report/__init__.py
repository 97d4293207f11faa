"""A boot, or a sweep, as one page that needs nothing else: no network, no server, no other file."""
