"""Systems that somebody else described, or that ran, made into scenarios."""
