"""The software: the enumeration, CPU features, hotplug, KVM, pKVM and the kernel log.

Modules mirror kernel files and keep their names. They decide and log; `sim.processes` lets time pass.
"""
