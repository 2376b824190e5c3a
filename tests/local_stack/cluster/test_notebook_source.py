"""The source format of notebooks."""

import pytest

from local_stack.cluster.notebook_source import Cell, NotebookError, python_cells

NOTEBOOK = """\
# Databricks notebook source
# MAGIC %md
# MAGIC # A title

# COMMAND ----------

# DBTITLE 1,First
x = 1

# COMMAND ----------

# MAGIC %pip install something

# COMMAND ----------


# COMMAND ----------

y = x + 1
"""


def test_python_cells_keep_their_lines_and_text_is_left_out() -> None:
    assert python_cells(NOTEBOOK, name="n") == [
        Cell(source="\n# DBTITLE 1,First\nx = 1\n", line=6),
        Cell(source="\ny = x + 1", line=18),
    ]


@pytest.mark.parametrize("magic", ["%sql", "%run ./other", "%scala", "%sh ls"])
@pytest.mark.parametrize("prefix", ["# MAGIC ", ""])
def test_a_cell_that_only_databricks_runs_is_refused_with_its_place(magic: str, prefix: str) -> None:
    text = f"# Databricks notebook source\nx = 1\n# COMMAND ----------\n# DBTITLE 1,A title\n{prefix}{magic}\n"
    command = magic.partition(" ")[0]
    with pytest.raises(NotebookError, match=rf"clone, line 4: .* not {command};"):
        python_cells(text, name="clone")


@pytest.mark.parametrize("text", ["", "x = 1\n", "#!/usr/bin/env python\n# Databricks notebook source\n"])
def test_a_file_that_is_no_notebook_is_refused(text: str) -> None:
    with pytest.raises(NotebookError, match="is no notebook"):
        python_cells(text, name="clone")


def test_line_ends_of_windows_are_read() -> None:
    assert python_cells("# Databricks notebook source\r\nx = 1\r\n", name="n") == [Cell(source="x = 1", line=2)]
