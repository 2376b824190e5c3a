"""The source format of Databricks notebooks in Python (Databricks documentation, "Export and import notebooks")."""

from dataclasses import dataclass

HEADER = "# Databricks notebook source"
SEPARATOR = "# COMMAND ----------"

_MAGIC = "# MAGIC"
_TITLE = "# DBTITLE"
# Text for people, and packages, which the local stack has installed already.
_LEFT_OUT = ("%md", "%md-sandbox", "%pip")


class NotebookError(Exception):
    """A notebook that the local cluster cannot run."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Python code of a notebook; `line` is where it starts in the file, from 1."""

    source: str
    line: int


def python_cells(text: str, *, name: str) -> list[Cell]:
    """The Python cells of a notebook, in order; %md and %pip cells are left out.

    Raises NotebookError, which names the notebook and the line, where this is no notebook source or a cell needs
    a magic command that only Databricks runs.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != HEADER:
        raise NotebookError(f"{name} is no notebook: its first line is not {HEADER!r}")
    cells = []
    for start, cell in _split(lines[1:]):
        code = [line for line in cell if line.strip() and not line.startswith(_TITLE)]
        magic = _magic(code[0]) if code else None
        if magic is None and code:
            cells.append(Cell(source="\n".join(cell), line=start))
        elif magic is not None and magic not in _LEFT_OUT:
            raise NotebookError(
                f"{name}, line {start}: the local cluster runs Python cells only, not {magic}; run this on Databricks"
            )
    return cells


def _split(lines: list[str]) -> list[tuple[int, list[str]]]:
    cells: list[tuple[int, list[str]]] = [(2, [])]
    for number, line in enumerate(lines, start=2):
        if line.strip() == SEPARATOR:
            cells.append((number + 1, []))
        else:
            cells[-1][1].append(line)
    return cells


def _magic(line: str) -> str | None:
    command = line.removeprefix(_MAGIC).strip()
    is_magic = line.startswith(_MAGIC) or line.startswith("%")
    return command.split()[0] if is_magic and command.startswith("%") else None
