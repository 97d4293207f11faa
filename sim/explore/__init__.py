"""All orders of a scenario: the boot's own steps, each happening when an explorer chooses it."""
