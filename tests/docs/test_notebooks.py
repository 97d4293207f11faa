"""Tests that each notebook runs from top to bottom in a fresh kernel, and is stored with what it then shows."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

nbclient = pytest.importorskip("nbclient", reason="the extra asymboot[notebook] is not installed")
nbformat = pytest.importorskip("nbformat", reason="the extra asymboot[notebook] is not installed")

from tools.notebook_outputs import FOLDER, METADATA, NOTEBOOKS, ROOT, executed, read, text_of  # noqa: E402

LARGEST_BYTES = 320_000
MOST_DIFFERENT = 0.02
"""The largest mean difference of a stored picture from a new picture: another FreeType draws letters otherwise."""
ABSOLUTE_PATH = re.compile(r"(?:^|[\s\"'(=])(?:~?/\w|[A-Za-z]:\\|file:)", re.MULTILINE)
VOLATILE = re.compile(r"at 0x[0-9a-f]|\b20\d\d-\d\d-\d\d|/tmp/|/home/|ipykernel_\d")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures(notebook: Any) -> list[str]:
    return [output.data["image/png"] for output in outputs(notebook) if "image/png" in output.get("data", {})]


def without_pictures(notebook: Any) -> list[Any]:
    """Return the outputs as plain values, but of a picture only that there is one."""
    plain = [dict(output) for output in outputs(notebook)]
    for output in plain:
        if "image/png" in output.get("data", {}):
            output["data"] = sorted(output["data"])
    return plain


def pixels(picture: str) -> Any:
    """Return a picture's colours, each from 0 to 1."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"), float) / 255


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.notebook
@every_notebook
def test_a_notebook_runs_from_any_folder_and_shows_what_is_stored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run it with the kernel of this environment and with these sources, but without any user's settings."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    before = sorted(FOLDER.iterdir())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shown, stored = executed(path, elsewhere), read(path)
    assert [one.text for one in outputs(shown) if one.get("name") == "stderr"] == []
    assert list(elsewhere.iterdir()) == []
    assert sorted(FOLDER.iterdir()) == before
    assert without_pictures(shown) == without_pictures(stored), "make notebooks writes the outputs anew"
    for new, old in zip(pictures(shown), pictures(stored), strict=True):
        assert pixels(new).shape == pixels(old).shape, "make notebooks draws the pictures anew"
        assert np.abs(pixels(new) - pixels(old)).mean() < MOST_DIFFERENT, "make notebooks draws the pictures anew"


@every_notebook
def test_a_notebook_is_stored_with_its_outputs_as_nbformat_writes_it(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata == METADATA
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "make notebooks runs them all"
    for cell in notebook.cells:
        assert cell.metadata == {}
        assert not ABSOLUTE_PATH.search(cell.source)
    assert path.read_text(encoding="utf-8") == text_of(notebook)


@every_notebook
def test_a_viewer_sees_pictures_and_nothing_that_changes(path: Path) -> None:
    notebook = read(path)
    assert pictures(notebook)
    assert path.stat().st_size <= LARGEST_BYTES
    for output in outputs(notebook):
        assert output.output_type in {"stream", "execute_result", "display_data"}
        shown = "".join(one for kind, one in output.get("data", {}).items() if kind.startswith("text/"))
        assert not VOLATILE.search(shown + output.get("text", ""))


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
