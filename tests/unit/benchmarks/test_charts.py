"""The charts: readable, and the same file for the same figures."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import charts
import matplotlib as mpl
import pytest
from assumptions import Workspace
from charts import BLUE, GREY, ORANGE, SETTINGS, drawn
from matplotlib.figure import Figure
from results import Result


@pytest.fixture
def figures(results: dict[str, Result]) -> list[Figure]:
    """Every chart."""
    with mpl.rc_context(SETTINGS):
        return [
            charts.latency_and_cost(Workspace()),
            *(draw(results[name]) for name, draw in charts.OF_RESULTS.items()),
        ]


def test_the_same_figures_give_the_same_file_also_in_another_process() -> None:
    code = "import sys; from charts import drawn; sys.stdout.write(drawn({})['latency_and_cost.svg'])"
    folder = Path(charts.__file__).parent
    command = [sys.executable, "-c", code]
    other = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert other == drawn({})["latency_and_cost.svg"]


def test_a_chart_has_neither_day_nor_maker_and_is_xml_on_a_white_ground(results: dict[str, Result]) -> None:
    made = drawn(results)
    assert made.keys() == {"latency_and_cost.svg", *(f"{name}.svg" for name in charts.OF_RESULTS)}
    for svg in made.values():
        ElementTree.fromstring(svg)
        assert "<dc:date>" not in svg
        assert not re.search(r"20\d\d-\d\d-\d\d|Matplotlib v", svg)
        assert "fill: #ffffff" in svg


def test_every_axis_is_named_and_every_colour_one_of_three(figures: list[Figure]) -> None:
    for figure in figures:
        assert figure.axes[0].get_ylabel()
        assert figure.legends, "without a legend nobody knows what is what"
        for axes in figure.axes:
            assert axes.get_xlabel()
            colours = {line.get_color() for line in axes.lines} | {
                mpl.colors.to_hex(patch.get_facecolor()) for patch in axes.patches
            }
            assert colours
            assert colours <= {BLUE, ORANGE, GREY, "black"}


def test_a_chart_is_drawn_only_where_there_is_its_result(results: dict[str, Result]) -> None:
    assert drawn({}).keys() == {"latency_and_cost.svg"}
    assert drawn({"clone_methods": results["clone_methods"]}).keys() == {"latency_and_cost.svg", "clone_methods.svg"}
