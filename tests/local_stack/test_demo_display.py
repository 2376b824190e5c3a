"""How the demo shows a run: as a tree on a terminal, and as lines of what changed elsewhere."""

import io
from dataclasses import replace

from rich.console import Console

from local_stack.demo.display import LineDisplay, TreeDisplay, run_display, run_tree
from local_stack.demo.runs import RunState, TaskState

LISTED = TaskState(title="list_changed_tables", state="SUCCESS", seconds=2.94, run_id=2)
ORDERS = TaskState(title="main.nightly-load.orders", state="RUNNING", seconds=1.04, run_id=5)
NATION = TaskState(title="main.nightly-load.nation", state="SUCCESS", seconds=1.5, run_id=6)
CLONED = TaskState(title="clone_tables", state="RUNNING", seconds=2, run_id=3, iterations=(ORDERS, NATION))
RECORDED = TaskState(title="record_export", state="BLOCKED", seconds=0, run_id=4)
RUN = RunState(run_id=1, state="RUNNING", seconds=5, has_ended=False, message="", tasks=(LISTED, CLONED, RECORDED))


def drawn(run: RunState) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(run_tree(run, "run 1"))
    return out.getvalue()


def test_the_tree_has_tasks_iterations_states_and_durations() -> None:
    assert [line.rstrip() for line in drawn(RUN).splitlines()] == [
        "● run 1  5.0 s",
        "├── ✓ list_changed_tables  SUCCESS  2.9 s",
        "├── ● clone_tables  RUNNING  1 of 2  2.0 s",
        "│   ├── ● main.nightly-load.orders  RUNNING  1.0 s",
        "│   └── ✓ main.nightly-load.nation  SUCCESS  1.5 s",
        "└── · record_export  BLOCKED",
    ]


def test_failed_and_left_out_tasks_have_marks_of_their_own() -> None:
    failed = replace(LISTED, state="FAILED")
    left_out = replace(RECORDED, state="EXCLUDED")
    shown = drawn(replace(RUN, state="FAILED", tasks=(failed, left_out)))
    assert "✗ run 1" in shown
    assert "✗ list_changed_tables  FAILED" in shown
    assert "- record_export  EXCLUDED" in shown


def test_lines_tell_each_change_once_and_nothing_that_waits() -> None:
    display = LineDisplay(Console(file=io.StringIO()))
    assert display.changes(RUN) == [
        "    5.0 s  list_changed_tables  SUCCESS  2.9 s",
        "    5.0 s  clone_tables  RUNNING  1 of 2",
        "    5.0 s    main.nightly-load.orders  RUNNING",
        "    5.0 s    main.nightly-load.nation  SUCCESS  1.5 s",
    ]
    assert display.changes(replace(RUN, seconds=6)) == []
    orders = replace(ORDERS, state="SUCCESS", seconds=2.2)
    cloned = replace(CLONED, state="SUCCESS", seconds=4, iterations=(orders, NATION))
    assert display.changes(replace(RUN, seconds=7, tasks=(LISTED, cloned, RECORDED))) == [
        "    7.0 s  clone_tables  SUCCESS  2 of 2  4.0 s",
        "    7.0 s    main.nightly-load.orders  SUCCESS  2.2 s",
    ]


def test_a_plain_stream_gets_lines() -> None:
    out = io.StringIO()
    with run_display(Console(file=out, width=40), "run 1") as display:
        display.show(RUN)
        display.show(RUN)
    assert out.getvalue().splitlines() == LineDisplay(Console(file=io.StringIO())).changes(RUN)


def test_a_terminal_gets_a_tree_that_stays() -> None:
    out = io.StringIO()
    with run_display(Console(file=out, width=100, force_terminal=True, color_system=None), "run 1") as display:
        assert isinstance(display, TreeDisplay)
        display.show(RUN)
    assert "● main.nightly-load.orders  RUNNING  1.0 s" in out.getvalue()
