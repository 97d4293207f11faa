"""Boots of real kernels under QEMU, recorded and compared with the simulator.

Each module imports only from lines above its own::

    unsupported, parent_death, initramfs      limits of real boots; QEMU's end; the guest's root file system
    qemu_args                                 arguments of QEMU and of the kernel
    kernel_image, kernel_memory               the kernel to boot; records in its memory
    console_parser, bootable_scenario         the guest's reports; the part of a scenario that can be booted
    qemu_machine                              a QEMU process: start, lengths, run, memory, end
    live_boot                                 a scenario booted, and its record
    live_conformance                          many boots, compared with the simulator

`init.sh` runs in the guest. docs/conformance.md describes the steps of a boot.
"""
