"""All orders of one scenario: the boot's own steps, each let happen when an explorer chooses it."""
