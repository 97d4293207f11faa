"""Many systems at once: spaces of systems, batches that compute without booting what boots find, and comparisons."""
