"""All CPU features: sanitised registers, capabilities, hwcaps, and what decides on a CPU that comes.

The engine works on the tables of `sim.cpufeature_tables` and knows few features by name: a special matcher is a
function in `matchers.py`, and everything else is data.

Source: arch/arm64/kernel/cpufeature.c, cpu_errata.c, proton-pack.c, idreg-override.c (Linux 6.1.176, 6.12.107, 7.3.4).
"""
