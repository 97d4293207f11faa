"""The one error that user input may cause."""

LONGEST_MESSAGE = 600


class InputError(ValueError):
    """Something in a scenario, a file or an option is wrong; the message is one plain line.

    What cannot be printed is escaped, and what is too long cut short, wherever it came from. The command line
    prints the message and exits with 2.
    """

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[: LONGEST_MESSAGE // 2]} ... {message[-LONGEST_MESSAGE // 2 :]}"
        super().__init__("".join(one if one.isprintable() else ascii(one)[1:-1] for one in message))


def check_printable(what: str, text: str) -> None:
    """Refuse a name that would upset a terminal, or break a line in two.

    Raises:
        InputError: some character of it cannot be printed.
    """
    if not text.isprintable():
        raise InputError(f"{what} {text[:60]!r} has characters that cannot be printed")
