"""What is software: the enumeration's record, CPU features, hotplug, KVM, pKVM and the log.

Modules mirror kernel files and keep their names. They decide and log; `sim.processes` says when.
"""
