"""Reports: a boot, or a sweep, as a single page that needs no network, server or other file."""
