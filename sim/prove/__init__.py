"""All systems at once: what a design promises, proved for every legal set of lengths, or refuted."""
