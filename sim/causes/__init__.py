"""What waited for what in a boot, and what its length is made of."""
