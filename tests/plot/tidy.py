"""The texts of a picture, and the assertion that all of them can be read."""

from itertools import combinations

from matplotlib.text import Text
from matplotlib.transforms import Bbox

from sim.plot.style import Picture


def boxes(picture: Picture) -> list[tuple[str, Bbox]]:
    """Return the box of each text, in pixels."""
    picture.draw_without_rendering()
    texts: list[Text] = picture.findobj(Text)
    texts = [text for text in texts if text.get_visible() and text.get_text()]
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_rotation() != 45]


def assert_tidy(picture: Picture) -> None:
    """Assert that no two texts overlap, and that no text is cut off."""
    width, height = picture.get_size_inches() * picture.dpi
    found = boxes(picture)
    assert found
    for text, box in found:
        assert -1 <= box.x0 <= box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text
    for (text, here), (other_text, there) in combinations(found, 2):
        overlap = min(here.x1, there.x1) - max(here.x0, there.x0), min(here.y1, there.y1) - max(here.y0, there.y0)
        assert min(overlap) <= 1, (text, other_text, overlap)
