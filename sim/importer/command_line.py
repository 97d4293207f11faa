"""The kernel's command line, read as Linux reads it (kernel/params.c): ``-`` and ``_`` are alike, ``--`` ends it."""

from dataclasses import dataclass

_NOSVE = {("arm64.nosve", ""), ("id_aa64pfr0.sve", "0")}
_NOSME = {("arm64.nosme", ""), ("id_aa64pfr1.sme", "0")}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Parameters, each with its value, in their order; of two of the same name the later one counts."""

    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def nosve(self) -> bool:
        """Whether it hides SVE."""
        return not _NOSVE.isdisjoint(self.parameters)

    @property
    def nosme(self) -> bool:
        """Whether it hides SME."""
        return not _NOSME.isdisjoint(self.parameters)

    def value(self, name: str) -> str | None:
        """A parameter's value; None where it is not given."""
        values = [value for one, value in self.parameters if one == _alike(name)]
        return values[-1] if values else None


def command_line(text: str) -> CommandLine:
    """Read a command line.

    >>> command_line("kvm-arm.mode=nvhe kvm_arm.mode=protected -- kvm-arm.mode=none").value("kvm-arm.mode")
    'protected'
    """
    words = text.replace('"', "").split()
    own = words[: words.index("--")] if "--" in words else words
    pairs = (word.partition("=") for word in own)
    return CommandLine(tuple((_alike(name), value) for name, _, value in pairs))


def _alike(name: str) -> str:
    return name.replace("-", "_")
