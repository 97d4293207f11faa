"""The configuration of Sphinx, which builds the guide: ``make docs``.

The sources are the repository's pages in their own places, so that links between them work in both places.
"""

import re
from importlib import metadata

import click
from sphinx.application import Sphinx

project = "asymboot"
release = metadata.version("asymboot")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "*.md", "benchmarks/README.md", "notebooks/README.md"]
exclude_patterns = [".*", "build", "dist", "kernels"]

myst_heading_anchors = 3  # as deep as links go
default_role = "code"  # docstrings and help texts put names between single backticks
smartquotes = False  # an option's two hyphens must not become a dash
highlight_language = "none"
autodoc_default_options = {"members": True, "undoc-members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True

nitpicky = True
nitpick_ignore_regex = [
    # Other packages' types: their references would have to be fetched.
    ("py:class", r"(collections|hypothesis\.strategies|numpy|nx|pathlib|pd)\..*"),
    # Rows, whose columns docs/outcome.md has, and what is not public of attributes that are.
    ("py:class", r"sim\.(\w+\.)*(rows|\w+_rows)\..*"),
    ("py:class", r"sim\.facts\.Facts|sim\.study\.(tally\.Tally|comparison_rows\..*)|sim\.prove\.properties\.Broken"),
    ("py:class", r"sim\.(cause_recorder\.Cause|causes\.critical_path\.WaitRow|rules\..*)"),
    ("py:class", r"sim\.study\.(mixture_space\.Mixture(Block|Point)|variant_comparison\.VariantStep)"),
    ("py:class", r"sim\.(study\.system_space\.GroupRow|scenario\.LateBecause|kernel_release\.Build)"),
    (
        "py:class",
        r"sim\.(designs\.AboveMaximum|environment\.StepKind|kernel_flags\.KernelFlags|id_registers\.(Core|IdField))",
    ),
    ("py:class", r"sim\.(cpufeature_tables\.field_uses\.FieldEffect|kernel\.feature_history\.KnownFeatures)"),
    ("py:class", r"sim\.topology\.AssumedRegisters|sim\.frames\.FieldsShown"),
    (
        "py:class",
        r"sim\.sweep\.(sweep_folder\.Folder|mixture_folder\.MixtureFolder|mixture_summary\.Mixture\w+|part_record\.PartRecord|sweep_totals\.SweepTotals|sweep_plan\.Plan|times_tally\.TimesTallies)",
    ),
]

html_theme = "furo"
html_title = project
html_extra_path = ["start"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False


def _defaults_short(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Replace defaults without a text of their own, such as `<factory>`: Sphinx cannot parse a signature with them."""
    return signature and re.sub(r"<[^>]*>(, <[^>]*>)*", "...", signature), returns


def _examples_as_typed(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Set what click leaves as it is (sphinx-click: a line block) as a literal block, in which nothing is markup."""
    plain: list[str] = []
    inside = False
    for line in lines:
        text = line.removeprefix("| ")
        if text == line:
            plain.append(line)
        elif inside:
            plain.append(f"  {text}")
        else:
            plain += [f"{text}:", ""] if text.endswith(":") else ["::", "", f"  {text}"]
        inside = text != line
    lines[:] = plain


def setup(app: Sphinx) -> None:
    """Connect the functions above to Sphinx's events."""
    app.connect("autodoc-process-signature", _defaults_short)
    app.connect("sphinx-click-process-description", _examples_as_typed)
