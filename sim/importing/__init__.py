"""Systems that somebody else described, made into scenarios."""
