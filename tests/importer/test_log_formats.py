"""Kernel logs in the forms in which they are pasted: the same facts whatever stands around the messages."""

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.importer.explained_lines import OldBootedLine
from sim.importer.kernel_log import KernelLog
from sim.importer.log_formats import FORMATS, LogFormat, split_prefixes
from sim.importer.log_reader import parse_kernel_log, read_kernel_log
from sim.importer.log_text import understood_lines
from tests.importer.machines import MACHINES, REPORTS, dmesg_of

LOGS = {
    path.parent.name if path.name == "dmesg" else path.stem: path.read_text(encoding="utf-8")
    for path in sorted([*MACHINES.glob("*/dmesg"), *REPORTS.glob("*.log")])
}
FACTS: dict[str, KernelLog] = {name: parse_kernel_log(text) for name, text in LOGS.items()}
STAMPED = re.compile(r"(\[ *\d+\.\d+\])(?:\[ *T\d+\])? (.*)")


def messages_of(text: str) -> list[tuple[str, str]]:
    """Return the kernel's stamp and the message of each line; a line without a stamp belongs to the line before."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if match := STAMPED.match(line):
            found.append((match[1], match[2]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


MESSAGES = {name: messages_of(text) for name, text in LOGS.items()}


def test_there_are_logs() -> None:
    assert {"mixed", "pkvm", "wrapped-command-line", "sanity-other-register"} <= LOGS.keys()
    assert FACTS["wrapped-command-line"].command_line.value("kvm-arm.mode") == "protected"
    assert FACTS["wrapped-command-line"].command_line.value("maxcpus") == "1"


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
@pytest.mark.parametrize("stamped", [False, True], ids=["", "before the kernel's stamp"])
def test_the_example_of_a_format_changes_no_facts(each: LogFormat, stamped: bool) -> None:
    for name in ("mixed", "pkvm", "pi5-reonline"):
        lines = [f"{each.example}{f'{stamp} ' * stamped}{message}\n" for stamp, message in MESSAGES[name]]
        assert parse_kernel_log("".join(lines)) == FACTS[name]


@pytest.mark.parametrize(
    "prefix",
    [
        "Nov  6 18:32:36 board kernel: ",
        "Nov 26 18:32:36.123456 board kernel: ",
        "mars 26 18:32:36 board kernel: ",
        "2026-11-26T18:32:36+0000 board kernel: ",
        "2026-11-26T18:32:36.123456+01:00 board kernel: [    0.000000] ",
        "[    0.000000] board kernel: ",
        "Nov 26 18:32:36 board kern.info kernel: [    0.000000] ",
        "Thu Nov 26 18:32:36 2026 kern.info kernel: [    0.000000] ",
        "2026-11-26T18:32:36,000000+00:00 ",
        "[2026-11-26T18:32:36.123Z] ",
        "[18:32:36.123] ",
        "D/TC:1   ",
        "E/TC:?? 0 ",
        "I/TC: ",
        "18:32:36.123 -> ",
        "2026-11-26T18:32:36.1234567Z ",
        "26/11/2026 18:32:36 [    0.000000] ",
        "<6>[    0.000000][    T0] ",
        "[    0.000000] <6>",
        "[    0.000000][    C0] ",
        "[    0.000000][    T1@C0] ",
        "6,0,0,-,caller=T0;",
        '<6>1 2026-11-26T18:32:36Z board kernel - - [origin x="1"][meta y="2"] ',
        "11-26 18:32:36.123  root     0     0 I         : ",
        "2026-11-26 18:32:36.123456 +0100     0     0 W         : ",
        "I/        (    0): ",
        "[    0.000000]  (0)[0:swapper]",
        "[    0.000000] -(0)[0:swapper/0]",
        "[    0.000000]  [0:      swapper/0:    0] ",
        "[    0.000000s][pid:1,cpu0,swapper/0]",
        "> > [    0.000000] ",
        ">> | [    0.000000] ",
        "12:[    0.000000] ",
        "   12\t[    0.000000] ",
        "a test lab's own [x=1] [    0.000000] ",
        "node 3, port 12 | ",
        "\x1b[32m[    0.000000] \x1b[0m\x1b[33m",
        "\x1b[K",
        "\ufeff",
        "    ",
    ],
)
def test_other_examples_change_no_facts(prefix: str) -> None:
    lines = [f"{prefix}{message}\n" for _, message in MESSAGES["mixed"]]
    assert parse_kernel_log("".join(lines)) == FACTS["mixed"]


def test_the_tag_that_logcat_pads_is_part_of_the_message() -> None:
    text = "11-26 18:32:36.123     0     0 E CPU1    : failed to come online"
    assert split_prefixes(text)[0].message == "CPU1: failed to come online"
    assert split_prefixes("E/CPU1    (    0): failed to come online")[0].message == "CPU1: failed to come online"


# Wrapped lines


def wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("width", [66, 72, 78])
@pytest.mark.parametrize("quote", ["", "> "])
def test_lines_that_a_mail_program_wraps_change_no_facts(name: str, width: int, quote: str) -> None:
    text = "".join(
        f"{quote}{piece}\n" for stamp, message in MESSAGES[name] for piece in wrapped(f"{stamp} {message}", width)
    )
    assert parse_kernel_log(text) == FACTS[name]


@pytest.mark.parametrize("name", ["mixed", "pkvm", "sanity-other-register"])
@pytest.mark.parametrize("width", [80, 100])
def test_lines_that_a_screen_cuts_change_no_facts(name: str, width: int) -> None:
    lines = [f"{stamp} {message}" for stamp, message in MESSAGES[name]]
    assert max(map(len, lines)) > width
    text = "".join(f"{line[at : at + width]}\n" for line in lines for at in range(0, len(line), width))
    assert parse_kernel_log(text) == FACTS[name]


def test_a_line_of_user_space_between_those_of_the_kernel_ends_nothing() -> None:
    lines = LOGS["pi5-reonline"].splitlines()
    text = "\n".join(f"{line}\n[  OK  ] Started a service.\n\nlogin: " for line in lines)
    assert parse_kernel_log(text) == FACTS["pi5-reonline"]


def test_a_line_whose_end_was_lost_is_followed_by_the_next() -> None:
    first, _, rest = LOGS["pi5-reonline"].partition("[ 1677.445450]")
    text = f"{first.rstrip()}[ 1677.445450]{rest}"
    assert text.count("\n") == LOGS["pi5-reonline"].count("\n") - 1
    assert parse_kernel_log(text) == FACTS["pi5-reonline"]


@pytest.mark.parametrize("prose", ["3. Root Cause Analysis:", "```", "`", "~~~", "## Fix", "$ uname -r", "", "   "])
def test_what_people_write_below_a_line_is_not_a_part_of_it(prose: str) -> None:
    text = f"[    0.660641] Kernel panic - not syncing: Fatal exception\n{prose}\nand more prose\n"
    assert [found.text for found in understood_lines(text)] == ["Kernel panic - not syncing: Fatal exception"]


@pytest.mark.parametrize("padding", ["", " ", "    "])
def test_a_log_that_was_pasted_as_one_line_is_split_at_its_stamps(padding: str) -> None:
    lines = [f"[{padding}0.{36000 + number:06}] CPU{number}: Booted secondary processor" for number in range(1, 200)]
    text = " ".join(lines)
    assert [found.line for found in understood_lines(text)] == [OldBootedLine(number) for number in range(1, 200)]


def test_a_line_without_a_stamp_that_is_a_message_by_itself_continues_nothing() -> None:
    text = LOGS["pi5-reonline"].replace("[ 1654.502987] ", "")
    assert parse_kernel_log(text) == FACTS["pi5-reonline"]


# Logs as JSON


def lines_of(fields: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in fields.items())


def pretty(fields: dict[str, str]) -> str:
    lines = [f"\t{json.dumps(key)} : {json.dumps(value)}" for key, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


RECORDS: dict[str, Callable[[dict[str, str]], str]] = {
    "json": lambda fields: f"{json.dumps(fields)}\n",
    "json-sse": lambda fields: f"data: {json.dumps(fields)}\n\n",
    "json-seq": lambda fields: f"\x1e{json.dumps(fields)}\n",
    "json-pretty": pretty,
    "export": lambda fields: f"{lines_of(fields)}\n",
    "verbose": lambda fields: (
        f"Thu 2026-11-26 18:32:36.123456 UTC [s=1;i=2;b=3]\n{textwrap.indent(lines_of(fields), '    ')}"
    ),
    "json with bytes": lambda fields: f"{json.dumps(fields | {'MESSAGE': list(fields['MESSAGE'].encode())})}\n",
    "a test lab's": lambda fields: f"- {json.dumps({'dt': '2026-11-26T18:32:36.1', 'msg': fields['MESSAGE']})}\n",
}


def record(mode: str, message: str, transport: str = "kernel") -> str:
    return RECORDS[mode]({"__CURSOR": "s=1", "_TRANSPORT": transport, "PRIORITY": "6", "MESSAGE": message, "_PID": "1"})


@pytest.mark.parametrize("mode", RECORDS)
@pytest.mark.parametrize("name", ["mixed", "pkvm", "wrapped-command-line"])
@pytest.mark.parametrize("stamped", [False, True])
def test_messages_inside_of_records_change_no_facts(mode: str, name: str, stamped: bool) -> None:
    text = "".join(record(mode, f"{f'{stamp} ' * stamped}{message}") for stamp, message in MESSAGES[name])
    assert parse_kernel_log(text) == FACTS[name]


def test_the_journal_of_other_programs_is_passed_over() -> None:
    text = "".join(record("json", message) for _, message in MESSAGES["mixed"])
    assert parse_kernel_log(text + record("json", "CPU1: failed to come online", "stdout")) == FACTS["mixed"]


# Everything together


OUTER = [each.example for each in FORMATS]


@given(st.data())
def test_any_log_in_any_form_has_the_same_facts(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LOGS)))
    outer = "".join(data.draw(st.lists(st.sampled_from(["", "> ", "12:", *OUTER]), max_size=2)))
    caller = data.draw(st.sampled_from(["", "[    T1] ", "[    C0] ", "<6>", "\x1b[33m"]))
    has_stamp = data.draw(st.booleans())
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r\r\n", "\r", "\n\n"]))
    lines = [f"{outer}{f'{stamp} ' * has_stamp}{caller}{message}" for stamp, message in MESSAGES[name]]
    if has_stamp and end != "\n\n" and len(outer) < 30 and data.draw(st.booleans()):
        width = data.draw(st.integers(66, 79))
        lines = [piece for line in lines for piece in wrapped(line, width)]
    assert parse_kernel_log(end.join(lines)) == FACTS[name]


def test_a_line_that_is_wrapped_behind_its_first_word_is_understood() -> None:
    """Pin a drawn log in which "arch_timer:" and "alternatives:" stood alone on their lines."""
    outer, caller = "I[0:      swapper/0:    0] ", "[    T1] "
    lines = [f"{outer}{stamp} {caller}{message}" for stamp, message in MESSAGES["bookworm"]]
    pieces = [piece for line in lines for piece in wrapped(line, 66)]
    assert any(piece.endswith("arch_timer:") for piece in pieces)
    assert parse_kernel_log("\r\n".join(pieces)) == FACTS["bookworm"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_change_no_facts(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "boot.log"
    path.write_bytes(dmesg_of("mixed").replace("\n", "\r\n").encode(encoding))
    assert read_kernel_log(path) == FACTS["mixed"]


# The order of lines and boots


@pytest.mark.parametrize("name", LOGS)
@pytest.mark.parametrize("form", ["the kernel's stamp", "times of day", "seconds since 1970", "neither"])
def test_a_log_with_its_last_line_first_has_the_same_facts(name: str, form: str) -> None:
    def before(seconds: int, stamp: str) -> str:
        match form:
            case "the kernel's stamp":
                return f"Nov 26 18:32:36 board kernel: {stamp} "
            case "times of day":
                return f"Nov 26 18:{seconds // 60:02}:{seconds % 60:02} board kernel: "
            case "seconds since 1970":
                return f"{1795717956 + seconds}.123456 board kernel: "
        return "kernel: "

    lines = [f"{before(seconds, stamp)}{message}\n" for seconds, (stamp, message) in enumerate(MESSAGES[name])]
    assert parse_kernel_log("".join(lines)) == FACTS[name]
    assert parse_kernel_log("".join(reversed(lines))) == FACTS[name]


def test_lines_that_change_places_do_not_reverse_a_log() -> None:
    (stamp, message), *_ = MESSAGES["mixed"]
    swapped = "[    5.000001] CPU1: failed in unknown state : 0x0\n[    5.000000] CPU1: failed to come online\n"
    log = parse_kernel_log(f"{stamp} {message}\n{swapped}")
    assert [step.cpu for step in log.early] == [1]


def test_the_end_of_an_earlier_boot_counts_as_a_boot() -> None:
    log = parse_kernel_log("devtmpfs: initialized\nKernel panic - not syncing: VFS\n" + LOGS["pkvm"])
    assert log.boots == 2
    assert log.late == FACTS["pkvm"].late


def test_the_last_of_several_boots_counts() -> None:
    log = parse_kernel_log(LOGS["mixed"] + "\nU-Boot 2026.01\n" + LOGS["pkvm"])
    assert log.boots == 2
    assert log.late == FACTS["pkvm"].late
