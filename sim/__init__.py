"""A discrete-event simulator of asymmetric SMP boot and late CPU onlining on arm64.

Public names are listed once, in the stub beside this file, with the modules that define them; each is imported when it
is first used.

>>> from sim import Scenario, Topology, boot
>>> topology = Topology.of([[128, 256], [128, 256, 512]])
>>> outcome = boot(Scenario(topology, kernel="6.11", kvm_mode="protected"))
>>> outcome.vectors["SVE"].max_vl_bytes, outcome.vectors["SVE"].max_cpu_vl_bytes
(32, 64)
"""

import lazy_loader

_import_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Import a public name from where it is defined.

    Raises:
        MissingExtra: it needs packages that are not installed.
    """
    from sim.extras import needed_by

    with needed_by(f"sim.{name}"):
        return _import_public(name)
