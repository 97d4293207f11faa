"""Mails in their raw form: what is decoded, what is not, and that every line keeps its number."""

import quopri
from pathlib import Path

import pytest

from sim import KvmMode
from sim.explain import cpu_entries
from sim.explain.explanation import explain_bytes
from sim.importer.quoted_printable import without_quoted_printable
from tests.explain.logs import of_entry
from tests.importer.machines import HEAD, MACHINES, imported_log

HEADER = b"Content-Transfer-Encoding: quoted-printable\n\n"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a=3Db\n", b"a=b\n"),
        (b"a=3Db=\nc\nd\n", b"a=bc\n\nd\n"),
        (b"a=3Db=\r\nc=\r\nd\r\ne", b"a=bcd\r\n\n\ne"),
        (HEADER + b"no=\ntable =C3=A4", HEADER + "notable ä".encode() + b"\n"),
        (HEADER + b"ends in =", HEADER + b"ends in "),
        # Not encoded: an = that the encoding would have written as =3D, or a header that says otherwise.
        (b"root=UUID=3D12\n", b"root=UUID=3D12\n"),
        (b"a=b\nc=3D\n", b"a=b\nc=3D\n"),
        (b"Content-Transfer-Encoding: 8bit\n\na=3Db\n", b"Content-Transfer-Encoding: 8bit\n\na=3Db\n"),
        (b"no end=\n", b"no end=\n"),
        (b"", b""),
    ],
)
def test_what_is_encoded_is_decoded(raw: bytes, text: bytes) -> None:
    assert without_quoted_printable(raw) == text
    assert raw.count(b"\n") == text.count(b"\n")


def test_a_mailbox_may_have_parts_of_either_kind() -> None:
    plain = b"Content-Transfer-Encoding: 7bit\n\nx=3D\n"
    raw = HEADER + b"a=3Db\n" + plain + HEADER + b"c=3Dd\n"
    assert without_quoted_printable(raw) == HEADER + b"a=b\n" + plain + HEADER + b"c=d\n"


def test_a_log_in_a_raw_mail_is_that_log() -> None:
    log = (MACHINES / "mixed" / "dmesg").read_bytes()
    encoded = HEADER + quopri.encodestring(log)
    assert encoded != HEADER + log
    plain, mail = explain_bytes(log), explain_bytes(encoded)
    assert [(one.happened, one.cpus) for one in mail.findings] == [(one.happened, one.cpus) for one in plain.findings]


def test_a_wrapped_command_line_of_a_raw_mail_is_read_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=2).replace("=", "=3D")
        + "[    0.000000] Kernel command line: console=3DttyAMA0 maxcpus=3D1 kvm-=\narm.mode=3Dprotected\n"
        + "[    0.020000] smp: Brought up 1 node, 1 CPU\n[    0.030000] CPU1: failed to come online\n"
    )
    scenario = imported_log(text, tmp_path, cluster0=None).scenario
    assert (scenario.kvm_mode, scenario.maxcpus) == (KvmMode.PROTECTED, 1)
    lost = of_entry(explain_bytes(text.encode()), cpu_entries.CPU_LOST)
    assert [line.number for line in lost.lines] == [7]
