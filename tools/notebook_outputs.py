"""The outputs that the notebooks are stored with; `make notebooks` writes them.

A notebook is executed from top to bottom in a fresh kernel of this environment, in an empty folder: it must run from
anywhere. What changes from run to run is left out of what is stored, which are the outputs and the counts of the cells.
"""

import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_CELL_S = 300
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The metadata of every notebook. The version of Python is not part of it."""
_WARNINGS_ARE_ERRORS = """
import warnings

warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")
"""


def read(path: Path) -> Any:
    """Return a notebook."""
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)


def executed(path: Path, folder: Path) -> Any:
    """Return a notebook with the outputs that its cells have now.

    Args:
        path: the notebook.
        folder: the folder that it runs in.

    Raises:
        CellExecutionError: a cell fails, or warns.
    """
    notebook = read(path)
    first = nbformat.v4.new_code_cell(_WARNINGS_ARE_ERRORS)
    notebook.cells.insert(0, first)
    nbclient.NotebookClient(
        notebook,
        timeout=LONGEST_CELL_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    notebook.cells.remove(first)
    notebook.metadata = nbformat.from_dict(METADATA)
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                _make_lasting(output, count)
    return notebook


def _make_lasting(output: Any, count: int) -> None:
    """Leave out of an output what differs from run to run."""
    if output.output_type == "execute_result":
        output.execution_count = count
    output.pop("transient", None)


def text_of(notebook: Any) -> str:
    """Return a notebook as its file has it."""
    return str(nbformat.writes(notebook)) + "\n"


if __name__ == "__main__":
    for each in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as empty:
            each.write_text(text_of(executed(each, Path(empty))), encoding="utf-8")
