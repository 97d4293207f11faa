"""The one error that user input may cause."""


class InputError(ValueError):
    """Something in a scenario, a file or an option is wrong; the message is one plain line.

    The command line prints it and exits with 2.
    """
