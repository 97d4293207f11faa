"""Tests that each notebook runs from top to bottom in a fresh kernel, and is stored without outputs."""

import re
from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="the extra asymboot[notebook] is not installed")
nbformat = pytest.importorskip("nbformat", reason="the extra asymboot[notebook] is not installed")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_CELL_S = 300
WARNINGS_ARE_ERRORS = """
import warnings

warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")
"""
ABSOLUTE_PATH = re.compile(r"(?:^|[\s\"'(=])(?:~?/\w|[A-Za-z]:\\|file:)", re.MULTILINE)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.slow
@pytest.mark.notebook
@every_notebook
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run it with the kernel of this environment and with these sources, but without any user's settings."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    before = sorted(FOLDER.iterdir())
    notebook = read(path)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(WARNINGS_ARE_ERRORS))
    client = nbclient.NotebookClient(
        notebook, timeout=LONGEST_CELL_S, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()
    assert [one.text for one in outputs(notebook) if one.get("name") == "stderr"] == []
    assert [one.data["text/plain"] for one in outputs(notebook) if " at 0x" in str(one.get("data"))] == []
    assert sorted(FOLDER.iterdir()) == before


@every_notebook
def test_a_notebook_is_stored_without_outputs_as_nbformat_writes_it(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert outputs(notebook) == [], "clear the outputs before you save"
    for cell in notebook.cells:
        assert cell.metadata == {}
        assert cell.get("execution_count") is None
        assert not ABSOLUTE_PATH.search(cell.source)
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"


@every_notebook
def test_a_notebook_begins_with_its_number_and_its_question(path: Path) -> None:
    title, question, *_ = read(path).cells[0].source.split("\n\n")
    assert re.fullmatch(rf"# {path.stem.split('-')[0]}\. .+", title)
    assert re.fullmatch(r"\*\*.+\?\*\*", question, flags=re.DOTALL)


def test_the_readme_lists_each_notebook_with_a_sentence() -> None:
    rows = re.findall(r"^\| \[(.+)\]\(\1\) \| [A-Z].+\. \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    assert rows == [path.name for path in NOTEBOOKS]
    assert len(rows) == 6


@pytest.mark.parametrize("text", ['open("/home/me/x")', "cd ~/x", "see C:\\x", "/opt/x", "x = '/usr'", "file:///x"])
def test_an_absolute_path_would_be_found(text: str) -> None:
    assert ABSOLUTE_PATH.search(text)
