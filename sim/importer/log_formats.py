"""The forms in which kernel logs are pasted: what stands before the kernel's message on a line, as data.

A line may carry several prefixes, such as a mail's quote mark, the stamp of a test lab, the kernel's own stamp and its
caller. `split_prefixes` takes them off in whatever order they come. To read another form, add an entry with an example
to `FORMATS`; `tests/importer/test_log_formats.py` puts every example before the lines of recorded logs.

Sources: kernel/printk/printk.c (stamps, callers, /dev/kmsg); dmesg(1), journalctl(1), logcat's documentation (output
formats); systemd's journal export formats; RFC 3164 and RFC 5424 (syslog); public logs of vendors and test labs.
"""

import re
from typing import NamedTuple

import msgspec

_NAME = r"[^\W\d]{2,5}\.?"
"""The name of a day or a month in any language, such as Nov, mars or août."""
_CLOCK = r"(?P<clock>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)"
_ISO_DATE = r"\d{4}-\d\d-\d\d"
_DATE = rf"(?:{_ISO_DATE}[T ]|\d\d/\d\d/\d{{4}} |(?:{_NAME} )?{_NAME} [ \d]?\d )"
_TIME = rf"{_DATE}?{_CLOCK}(?:Z| ?[+-]\d\d:?\d\d| \d{{4}}\b)?"
_LOGCAT_TIME = rf"(?:\d{{4}}-)?\d\d-\d\d {_CLOCK}(?: [+-]\d{{4}})?"
_FACILITY = r"(?:kern|user|daemon|auth|syslog|local\d)"
_LEVEL = r"(?:emerg|alert|crit|err|error|warn|warning|notice|info|debug)"


class LogFormat(msgspec.Struct, frozen=True):
    """A prefix of lines."""

    name: str
    example: str
    pattern: re.Pattern[str]
    is_stamp: bool
    """True if every line has the prefix or belongs to the line before: it tells where a line begins."""


def _stamp(name: str, example: str, pattern: str) -> LogFormat:
    return LogFormat(name, example, re.compile(pattern), is_stamp=True)


def _part(name: str, example: str, pattern: str) -> LogFormat:
    return LogFormat(name, example, re.compile(pattern), is_stamp=False)


FORMATS = (
    _stamp("the kernel's stamp", "[    0.000000] ", r"\[ *(?P<seconds>\d+\.\d+)s?\] ?"),
    _stamp("the stamp as some tools pad it", "[    0.000000 ] ", r"\[ *(?P<seconds>\d+\.\d+) {1,8}\] ?"),
    _part("the kernel's caller", "[    T0] ", r"\[ *[TC]\d+(?:@[^\]]{1,40})?\] ?"),
    _part("the kernel's level", "<6>", r"<\d{1,3}>"),
    _stamp("/dev/kmsg", "6,123,456,-;", r"\d{1,4},\d+,\d+,[-c+](?:,[^;]{0,80})?;"),
    _part("dmesg --decode", "kern  :info  : ", rf"{_FACILITY} *:{_LEVEL} *: "),
    _stamp("dmesg --reltime, the first line of a minute", "[Nov26 18:32] ", rf"\[{_NAME} ?\d{{1,2}} \d\d:\d\d\] ?"),
    _stamp("dmesg --reltime", "[  +0.000012] ", r"\[ *\+\d+\.\d+\] ?"),
    # dmesg --ctime and --time-format=iso, ts, minicom, tio, Jenkins, LAVA, KernelCI, hosted build services
    _stamp("a time", "2026-11-26T18:32:36.123456 ", rf"{_TIME}:? "),
    _stamp("a time in brackets", "[Thu Nov 26 18:32:36 2026] ", rf"[\[(]{_TIME}[\])]:? ?"),
    _stamp(
        "journalctl --output=short-full",
        "Thu 2026-11-26 18:32:36 UTC board kernel: ",
        rf"{_NAME} {_ISO_DATE} {_CLOCK} \S{{1,8}} (?:\S+ kernel: )?",
    ),
    _stamp("journalctl --output=short-unix", "1795717956.123456 board kernel: ", r"(?P<clock>\d{9,11}\.\d{6}) "),
    # It follows the time of a syslog, of the other modes of journalctl, or of logread
    _part("host and sender", "board kernel: ", rf"(?:[^\s:]+ )?(?:{_FACILITY}\.{_LEVEL} )?kernel: "),
    _stamp(
        "RFC 5424",
        "<6>1 2026-11-26T18:32:36.000000+00:00 board kernel - - - ",
        rf"(?:<\d{{1,3}}>)?1 {_TIME} \S+ kernel \S+ \S+ (?:-|(?:\[[^\]]*\])+) ?\ufeff?",
    ),
    _stamp("journalctl --output=export and verbose", "MESSAGE=", r"MESSAGE="),
    _part("OP-TEE's console", "I/TC:1 0 ", r"[EIDFM]/TC: *(?:[\d?]{1,4} +){0,2}"),
    _stamp(
        "logcat -v threadtime",
        "11-26 18:32:36.123     0     0 I         : ",
        rf"{_LOGCAT_TIME} +(?:\w+ +)?\d+ +\d+ [VDIWEFAS] (?P<tag>[^:]{{0,40}}?) *: ",
    ),
    _stamp(
        "logcat -v time and brief",
        "11-26 18:32:36.123 I/        (    0): ",
        rf"(?:{_LOGCAT_TIME} +)?[VDIWEFAS]/(?P<tag>[^(:]{{0,40}}?) *(?:\( *\d+\))?: ",
    ),
    _part("a mail's quote mark", "> ", r"[>|]+ ?"),
    _part("grep --line-number", "boot.log:12:", r"(?:[\w./-]{1,80}:)?\d{1,7}[:\t] ?"),
    _part("MediaTek's kernels", "(0)[0:swapper]", r"[-.]?\(\d+\)\[\d+:[^\]]{1,40}\] ?"),
    _part("Samsung's kernels", "I[0:      swapper/0:    0] ", r"[A-Z]? ?\[ ?\d+: +[^\]:]{1,40}: +\d+\] ?"),
    _part("Huawei's kernels", "[pid:1,cpu0,swapper/0]", r"\[pid:\d+,cpu\d+,[^\]]{1,40}\] ?"),
    _part("Xiaomi's kernels", "(CPU:0-pid:0:swapper/0) ", r"\(CPU:\d+-pid:\d+:[^)]{1,40}\) ?"),
    _part("Unisoc's kernels", "c0 0 ", r"c\d{1,3} +\d+ "),
)

_KERNELS_STAMP = re.compile(r"\[ {0,4}\d{1,6}\.\d{6}\]")
"""A stamp in microseconds, as the kernel pads it or as a web page does, which shows one space for several.

Wherever it stands, a message of the kernel follows.
"""
_LONGEST_LINE = 4096
_FIELD_OF_A_MESSAGE = re.compile(
    r'(?:_+[A-Z][A-Z_]*|PRIORITY|SYSLOG_[A-Z]+|SUBSYSTEM|DEVICE)=|"_*[A-Z][A-Z_]*" : |[{}]$'
)
"""A field that the journal's export formats or /dev/kmsg put on a line of its own, above or below the message."""
_MOST_PREFIXES = 12


class Split(NamedTuple):
    """A message without the prefixes of its line."""

    message: str
    """It ends with the white space that ends the line."""
    is_stamped: bool
    """True if a stamp tells that a line of the log begins here."""
    seconds: str = ""
    """The kernel's own stamp."""
    clock: str = ""
    """The time of day, or the seconds since 1970."""


def split_prefixes(text: str, also: re.Pattern[str] | None = None) -> list[Split]:
    """Take all prefixes off a line.

    Where a serial console lost the end of a line, or a web page shows a log as one line, the next message follows on
    the same line, with its stamp.

    Args:
        text: the line, without its end.
        also: a prefix that this log has besides those of `FORMATS`.
    """
    if (message := _message_of_json(text)) is not None:
        return [split._replace(is_stamped=True) for split in split_prefixes(message)]
    # What stands before the first stamp of the kernel is a prefix, whether a format knows it or not.
    begins = [match.start() for match in _KERNELS_STAMP.finditer(text)] or [0]
    ends = [*begins[1:], len(text)]
    return [
        _split(text[begin : min(end, begin + _LONGEST_LINE)].lstrip(" \t\ufeff"), also)
        for begin, end in zip(begins, ends, strict=True)
    ]


def _split(text: str, also: re.Pattern[str] | None) -> Split:
    is_stamped, seconds, clock = False, "", ""
    for _ in range(_MOST_PREFIXES):
        if (found := _next_prefix(text, also)) is None:
            break
        match, is_stamp = found
        is_stamped |= is_stamp
        groups = match.groupdict()
        seconds = groups.get("seconds") or seconds
        clock = groups.get("clock") or clock
        # logcat cuts a message at its first colon, and pads what stands before it.
        tag = groups.get("tag")
        text = f"{tag}: {text[match.end() :]}" if tag else text[match.end() :].lstrip(" \t")
    if _FIELD_OF_A_MESSAGE.match(text):
        return Split("", is_stamped=True)
    return Split(text, is_stamped, seconds, clock)


def _next_prefix(text: str, also: re.Pattern[str] | None) -> tuple[re.Match[str], bool] | None:
    for each in FORMATS:
        if match := each.pattern.match(text):
            return match, each.is_stamp
    if also is not None and (match := also.match(text)):
        return match, False
    return None


FIRST_MESSAGE = "Booting Linux on physical CPU 0x"
_LONGEST_PREFIX = 200


def unknown_prefix(text: str) -> re.Pattern[str] | None:
    """Return the prefix of the kernel's first message that no format has; None where there is none.

    Digits stand for any digits, and white space for any white space.
    """
    place = text.find(FIRST_MESSAGE)
    before = text[max(0, place - _LONGEST_PREFIX) : max(0, place)].rpartition("\n")[2]
    rest = split_prefixes(before)[-1].message.rstrip()
    if not rest:
        return None
    parts = (_generalised(part) for part in re.split(r"(\d+|\s+)", rest))
    return re.compile("".join(parts) + r"\s*")


def _generalised(part: str) -> str:
    if part.isdecimal():
        return r"\d+"
    return r"\s*" if part.isspace() else re.escape(part)


# Logs as JSON


class _JsonLine(msgspec.Struct):
    """A line of ``journalctl --output=json``, or of LAVA's log, of which each is a JSON object."""

    journals: str | list[int] | None = msgspec.field(default=None, name="MESSAGE")
    """The journal has a message that is not UTF-8 as a list of bytes."""
    transport: str = msgspec.field(default="kernel", name="_TRANSPORT")
    labs: str | None = msgspec.field(default=None, name="msg")


_JSON = re.compile(r'[^{\w]{0,8}(?:data: )?(\{.*"(?:MESSAGE|msg)".*\})\s*')
_PRETTY_JSON = re.compile(r'\s*("MESSAGE") : (.*?),?\s*')
"""``--output=json-pretty`` has a field a line."""


def _message_of_json(line: str) -> str | None:
    """Return the message of a line that is a JSON object, or holds its message; None if the line is something else."""
    if len(line) > _LONGEST_LINE:
        return None
    if match := _JSON.fullmatch(line):
        text = match[1]
    elif match := _PRETTY_JSON.fullmatch(line):
        text = f"{{{match[1]}:{match[2]}}}"
    else:
        return None
    try:
        fields = msgspec.json.decode(text.encode(), type=_JsonLine)
        message = fields.labs if fields.journals is None else fields.journals
        text = bytes(message).decode(errors="replace") if isinstance(message, list) else message
    except (msgspec.DecodeError, ValueError):
        return None
    return text if fields.transport == "kernel" else ""
