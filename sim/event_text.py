"""Events in words: what happened, to which CPU, and the particulars."""

from types import MappingProxyType

from sim.kernel.printk import Allocation, Arrival, Event, EventKind, Guest, RefusedBy, SaveLength, Variation, Words
from sim.machine.firmware import CpuOnAnswer
from sim.topology import Topology
from sim.units import plural

_SENTENCES = MappingProxyType(
    {
        EventKind.ARRIVED: "{cpu} arrives",
        EventKind.DIED: "{cpu} dies",
        EventKind.VARIES: "{cpu} differs from the boot CPU",
        EventKind.BOOTED: "{cpu} has booted",
        EventKind.REFUSED: "{cpu} is refused",
        EventKind.OFFLINE: "{cpu} is offline",
        EventKind.GAVE_UP: "the kernel gives up waiting for {cpu}",
        EventKind.LOCK_TAKEN: "the kernel takes the hotplug lock for {cpu}",
        EventKind.LOCK_RELEASED: "the kernel releases the hotplug lock, held for {cpu}",
        EventKind.ASLEEP: "{cpu} sleeps, and the system with it",
        EventKind.AWAKE: "{cpu} wakes",
        EventKind.CPU_ON: "the kernel calls CPU_ON for {cpu}",
        EventKind.CPU_ON_ANSWERED: "CPU_ON for {cpu} is answered",
        EventKind.RELEASED: "the kernel releases {cpu} from its spin table",
        EventKind.CAPABILITIES_FINAL: "the kernel's capabilities are final",
        EventKind.WARN: "the kernel warns",
        EventKind.ALLOCATED: "pKVM allocates",
        EventKind.ALLOCATION_FAILED: "pKVM fails to allocate for {cpu}",
        EventKind.KVM_INIT: "KVM's initcall has run",
        EventKind.PKVM_FINALISED: "pKVM deprivileges the host for good",
        EventKind.USER_SPACE: "user space begins",
        EventKind.GUEST_ENTERS: "{cpu} enters a guest",
        EventKind.GUEST_LEAVES: "{cpu} leaves a guest",
        EventKind.SAVE: "EL2 begins to save the host's registers on {cpu}",
        EventKind.SAVED: "EL2 has saved the host's registers on {cpu}",
        EventKind.RESTORE: "EL2 begins to restore the host's registers on {cpu}",
        EventKind.RESTORED: "EL2 has restored the host's registers on {cpu}",
        EventKind.PANIC: "panic",
        EventKind.HANG: "the system hangs",
    }
)
"""The sentence of each kind of event; ``{cpu}`` stands for the event's CPU.

The sentence names the kernel where a task of the kernel acts: the event's CPU is then the CPU that the task acts for,
and no event tells on which CPU the task runs.
"""
_WHOLE_SYSTEM = "the system's suspend"
"""The reason for which the hotplug lock is held where it is not held for a CPU."""


def event_sentence(event: Event, topology: Topology) -> str:
    """Return what happened, with the CPU by number and name, and with the particulars."""
    cpu = _WHOLE_SYSTEM if event.cpu is None else topology.label(event.cpu)
    sentence, detail = _SENTENCES[event.kind].format(cpu=cpu), event_detail(event, topology)
    return f"{sentence}: {detail}" if detail else sentence


def event_detail(event: Event, topology: Topology) -> str:
    """Return the particulars of an event in words; empty for many kinds."""
    match event.detail:
        case Arrival(task) if task is not None:  # without a task the CPU parks, which has no particulars
            words = f"takes the idle task of {topology.label(task)}"
        case CpuOnAnswer():
            words = answer_text(event.detail)
        case RefusedBy(extension, reason):
            words = f"{extension}: {reason}"
        case Variation(registers):
            words = ", ".join(registers)
        case Allocation(buffers, run_bytes):
            words = f"{buffers} {plural(buffers, 'buffer')} of {run_bytes} bytes" if buffers else f"{run_bytes} bytes"
        case SaveLength(vl_bits):
            words = f"{vl_bits} bits"
        case Guest(words) | Words(words):
            pass
        case _:
            words = ""
    return words


def answer_text(answer: CpuOnAnswer) -> str:
    """Return the answer to CPU_ON, with who gave it if that was not firmware."""
    return f"{answer.answer} by pKVM's relay" if answer.by_relay else answer.answer
