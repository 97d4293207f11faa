"""Designs in words: each choice as a scenario file spells it, and its meaning for a reader without the manual."""

from collections.abc import Iterator

from sim.designs import Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2

_NOSVE = "arm64.nosve on the command line: no CPU has SVE, and nothing is saved"
_SIZED_BY = {
    Sizing.SHARED: "the largest length that all early CPUs share",
    Sizing.MAX_CPU_VL: "the largest length of any CPU that the kernel has counted so far",
    Sizing.EARLY: "the largest length of any early CPU, found by asking each",
    Sizing.ARCHITECTURE: "2048 bits, the architecture's largest length",
}
_ZCR_EL2 = {
    ZcrEl2.ALL_ONES: "LEN lets every length of the hardware through",
    ZcrEl2.SHARED: "LEN is VQ - 1 of the largest length that all early CPUs share",
    ZcrEl2.SHARED_ONE_TOO_MANY: "LEN is the VQ of that length, although the field counts from 0",
    ZcrEl2.BUFFER: "LEN is VQ - 1 of the length that the buffer is for",
}
_POINTER = {
    Pointer.BUFFER: "placed by the length that the buffer is for",
    Pointer.RDVL: "placed by the length that the CPU runs with at the save",
}
_LATE_CPU = {
    LateCpu.SILENT: "not checked",
    LateCpu.REFUSED: "logged, and refused",
    LateCpu.REFUSED_UNDER_PKVM: "logged and refused under pKVM, else not checked",
    LateCpu.WARNED: "logged, and comes online",
    LateCpu.RAISES: "logged, comes online, and raises the maximum by a store",
}
_LATE_STORE = {
    LateStore.WORKS: "the store works",
    LateStore.READ_ONLY: "the variable is read-only: the store panics the kernel",
    LateStore.SKIPPED: "the store is left out",
}


def choices(design: Design) -> Iterator[str]:
    """Yield each choice of a design that matters, with its key in scenario files, its value there and its meaning."""
    if design.nosve:
        yield _NOSVE
        return
    yield f"buffer_sized_by {design.buffer_sized_by}: {_SIZED_BY[design.buffer_sized_by]}"
    yield f"zcr_el2 {design.zcr_el2}, during save and restore: {_ZCR_EL2[design.zcr_el2]}"
    yield f"ffr_pointer {design.ffr_pointer}: {_POINTER[design.ffr_pointer]}"
    yield f"late_cpu {design.late_cpu}, of a late CPU above max_cpu_vl: {_LATE_CPU[design.late_cpu]}"
    if design.late_cpu is LateCpu.RAISES:
        yield f"late_store {design.late_store}: {_LATE_STORE[design.late_store]}"
