"""Tests that prose follows docs/style.md, as far as a program can tell.

Prose is every docstring and comment, every text in the code of `sim`, every page outside its code blocks, and the
text cells and comments of notebooks. Text between backticks or double quotes is exempt: it is a name, or a quotation,
such as a line of the kernel's log.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Rule:
    """A pattern that prose must not match, and the advice that goes with it."""

    pattern: re.Pattern[str]
    advice: str


def _rule(pattern: str, advice: str) -> Rule:
    """Compile a pattern in which a space stands for any white space, because phrases run over line ends."""
    return Rule(re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE), advice)


OPENING = Rule(
    re.compile(r"(?:What|Who|Whose|Which|That|How|Whether|So)\b"),
    "begin with a verb (functions), or with A or The (classes, modules, data); for a predicate, Return True if ...",
)
"""Holds for the first word of a docstring."""

OPENING_OF_FUNCTION = Rule(
    re.compile(r"(?:The|An?|Its?|Each|Every|All|Any|No|Everything|Nothing|Something|Where|When|If)\b"),
    "a function does something: begin with a verb, such as Return, Yield, Write or Refuse",
)
"""Holds for the first word of a function's docstring in `sim`; properties are data."""

PHRASES = [
    _rule(
        r"(?<!there\s)\b(?:is|are|was|were) no (?!more\b|less\b|longer\b|\w+er than\b)\w+",
        "say that it is not one, or that there is none",
    ),
    _rule(r"\bso (?:many|few)\b", "name the number, or the count"),
    _rule(r"\b(?:nobody|somebody|anybody|whoever|whomever)\b", "name the one who acts: the kernel, a task, the caller"),
    _rule(r"\b(?:come|comes|came|coming) to\b", "write amount to, result in, equal, or reach"),
    _rule(r"\bwhat (?:is|was|are|were) told\b|\b(?:is|are|was|were) told of\b", "say who reports what"),
    _rule(r"\bwhat (?:becomes|became|comes|came|come) of\b", "name the outcome, the result, the verdict"),
    _rule(r"\b(?:is|are|was|were) (?:not )?gone on (?:from|with)\b", "use the active voice: expand, continue"),
    _rule(r"(?<!all[\s-])\bones\b|\bone's\b", "repeat the noun"),
    _rule(
        r"\b(?:the|this|that|each|every|any|no|such an?|another|other|same|first|last|next|new|old|late|early|own|large"
        r"|larger|small|smaller|wide|narrow|named|wrong|right|an?) one"
        r"(?=[.,;:)]|$| (?:as|at|and|by|can|comes|does|for|has|in|is|may|of|on|or|to|was|where|with|without)\b)",
        "repeat the noun",
    ),
    _rule(r"\bone (?:that|which|whose|who)\b", "repeat the noun"),
]


@dataclass(frozen=True)
class Passage:
    """A piece of prose, the line of its file where it begins, and the rules for its first word."""

    path: Path
    line: int
    text: str
    openings: tuple[Rule, ...] = ()

    def breaches(self) -> Iterator[str]:
        """Say where it breaks a rule, and what to write instead."""
        text = _without_quotes(self.text)
        for rule in self.openings:
            if match := rule.pattern.match(text.lstrip()):
                yield self._message(0, f"a docstring that begins with {match[0]!r}", rule)
        for rule in PHRASES:
            for match in rule.pattern.finditer(text):
                yield self._message(match.start(), repr(" ".join(match[0].split())), rule)

    def _message(self, offset: int, found: str, rule: Rule) -> str:
        line = self.line + self.text.count("\n", 0, offset)
        return f"{_name(self.path)}:{line}: {found}: {rule.advice}"


def _without_quotes(text: str) -> str:
    """Blank quoted text and code, so that what follows keeps its place."""
    return re.sub(r"``.+?``|`[^`]+`|\"[^\"\n]*(?:\n[^\"\n]+)?\"", _blank, text, flags=re.DOTALL)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"\S", "_", match[0])


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


# Where prose is found


def _of_python(path: Path) -> Iterator[Passage]:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    is_shipped = path.is_relative_to(ROOT / "sim") or path.parent == ROOT
    yield from _of_comments(path, source)
    yield from _of_docstrings(path, tree, is_shipped=is_shipped)
    if is_shipped:
        yield from _of_texts(path, tree)


def _of_docstrings(path: Path, tree: ast.Module, *, is_shipped: bool) -> Iterator[Passage]:
    """Yield docstrings, and the texts below constants and fields."""
    of_functions = {
        id(node.body[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not {"property", "cached_property"} & {ast.unparse(one).split(".")[-1] for one in node.decorator_list}
    }
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                is_function = is_shipped and id(node) in of_functions
                rules = (OPENING, OPENING_OF_FUNCTION) if is_function else (OPENING,)
                yield Passage(path, node.lineno, text, rules)


def _of_texts(path: Path, tree: ast.Module) -> Iterator[Passage]:
    """Yield the strings that users may read: help, descriptions, messages, headings, notes."""
    parts = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr | ast.JoinedStr)
        for child in ast.iter_child_nodes(node)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in parts:
                yield Passage(path, node.lineno, text)
            case ast.JoinedStr(values=values):
                texts = [str(part.value) if isinstance(part, ast.Constant) else "_" for part in values]
                yield Passage(path, node.lineno, "".join(texts))


def _of_comments(path: Path, source: str, *, line: int = 1) -> Iterator[Passage]:
    """Yield each run of comments on consecutive lines as a whole, because sentences run over line ends."""
    begins, last, text = 0, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1 or not token.line.lstrip().startswith("#"):
            yield Passage(path, line + begins - 1, text)
            begins, text = token.start[0], ""
        last = token.start[0]
        text += token.string.lstrip("#") + "\n"
    yield Passage(path, line + begins - 1, text)


def _of_toml(path: Path) -> Iterator[Passage]:
    """Yield its comments, but for quoted lines of the kernel's log and quoted notes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [re.match(r"(?:[^\"#]|\"[^\"]*\")*#(?! Log: | Note: |:)(.*)", line) for line in lines]
    yield Passage(path, 1, "\n".join(match[1] if match else "." for match in comments))


def _of_page(path: Path) -> Iterator[Passage]:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", _blank, text, flags=re.MULTILINE | re.DOTALL)
    yield Passage(path, 1, re.sub(r"\]\([^)]*\)", _blank, text))


def _of_notebook(path: Path) -> Iterator[Passage]:
    """Yield its text cells and the comments of its code cells."""
    stored = path.read_text(encoding="utf-8").splitlines()
    for cell in json.loads("\n".join(stored))["cells"]:
        first = json.dumps(cell["source"][0], ensure_ascii=False)
        line = 1 + next(number for number, text in enumerate(stored) if text.strip().rstrip(",") == first)
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield Passage(path, line, source)
        else:
            yield from _of_comments(path, source, line=line)


READERS = {".py": _of_python, ".pyi": _of_python, ".md": _of_page, ".toml": _of_toml, ".ipynb": _of_notebook}
FOLDERS = ["sim", "tests", "benchmarks", "docs", "notebooks", "topologies", "tools"]


def _files() -> list[Path]:
    """List every file with prose, but for this one, which quotes what it looks for."""
    everything = [*ROOT.iterdir(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]
    return sorted(path for path in everything if path.suffix in READERS and path != Path(__file__))


def breaches(path: Path) -> list[str]:
    """Return one message for each place where a file breaks a rule."""
    return [message for passage in READERS[path.suffix](path) for message in passage.breaches()]


FILES = _files()


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_prose_follows_the_style(path: Path) -> None:
    found = breaches(path)
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    "text",
    [
        "a CPU that is no\nhazard",
        "draws so many orders",
        "nobody waits",
        "what a row comes to",
        "what became of it",
        "what is told of a CPU",
        "the late ones",
        "a save for the wide one.",
        "a save from one that panics",
        "is not gone on from",
        "one's own design",
    ],
)
def test_a_phrase_to_avoid_is_found(text: str) -> None:
    assert list(Passage(ROOT / "page.md", 1, text).breaches())


@pytest.mark.parametrize(
    "text",
    [
        "there is no KVM",
        "the time is no longer than 5 s",
        "a buffer is no larger than the save",
        '`so many` and "nobody waits" are quoted',
        "one CPU and one of its guests, the one CPU there",
        "the kernel says that it comes online",
        "What is asked about",
    ],
)
def test_plain_prose_passes(text: str) -> None:
    assert list(Passage(ROOT / "page.md", 1, text).breaches()) == []


def test_a_message_names_the_line_of_the_phrase() -> None:
    (message,) = Passage(ROOT / "page.md", 3, "A page.\n\nIt has\nso many lines.").breaches()
    assert message.startswith("page.md:6: 'so many': ")


def test_a_function_begins_with_a_verb_and_a_property_need_not(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    source = '''
class Thing:
    """A thing."""

    def size(self): """The size."""

    @property
    def name(self): """The name."""

    def is_old(self): """Whether it is old."""
'''
    found = [message for one in _of_docstrings(path, ast.parse(source), is_shipped=True) for message in one.breaches()]
    assert len(found) == 2
