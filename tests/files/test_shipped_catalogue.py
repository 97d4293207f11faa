"""The catalogue of what ships agrees with the files."""

from sim.files.shipped_catalogue import FILE_NAME
from sim.files.shipped_scenarios import folder
from tools.catalogue import catalogue_text


def test_the_catalogue_is_what_the_files_say() -> None:
    assert (folder() / FILE_NAME).read_text(encoding="utf-8") == catalogue_text(), "run `make catalogue`"
