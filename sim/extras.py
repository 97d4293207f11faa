"""Optional packages: which extra of the distribution installs each of them, and the one line when it is missing.

Code that needs an optional package imports it where it is used, like any other, and tests for nothing beforehand. The
error of an import that fails is translated on the outside, by `needed_by`, where it is known what the user asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sim.errors import MissingExtra

PACKAGES = {
    "sweep": ("filelock", "llvmlite", "loky", "pyarrow", "scipy"),
    "cluster": ("distributed",),
    "prove": ("z3",),
    "plot": ("matplotlib", "PIL"),
    "report": ("itables", "jinja2"),
    "trace": ("perfetto",),
    "import": ("libfdt",),
    "live": ("qemu", "qemu.qmp"),  # a namespace package, of which other distributions may have parts
    "properties": ("hypothesis",),
}
"""The packages that `sim` imports and the base installation leaves out, by the extra that installs them."""

_EXTRA_OF = {package: extra for extra, packages in PACKAGES.items() for package in packages}


@contextmanager
def needed_by(feature: str) -> Iterator[None]:
    """Report an optional package that is not installed as needed by a feature.

    Only a package that cannot be found counts. An installed package that fails to import is broken, and installing
    its extra again would not mend it: its own error is passed on.

    Args:
        feature: what the user asked for, as the user calls it: a command, or a function of `sim`. Where several of
            these contexts are nested, the outermost has the last word, because it knows best what was asked for.

    Raises:
        MissingExtra: a package of an extra is not installed.
    """
    try:
        yield
    except MissingExtra as error:
        raise MissingExtra(feature, error.extra) from None
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA_OF:
            raise
        raise MissingExtra(feature, _EXTRA_OF[error.name]) from None
