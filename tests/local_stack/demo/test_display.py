"""How the demo shows a run: as a tree on a terminal, and as lines of what changed elsewhere."""

import io
import json
from dataclasses import replace
from pathlib import Path

from databricks.sdk.service.jobs import Run
from rich.console import Console

from local_stack.demo.display import LineDisplay, TreeDisplay, run_display, run_tree
from local_stack.demo.runs import RunState, TaskState, run_state

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


# Recorded at the Jobs API of the local workspace, with /2.2/jobs/runs/get: of the run, and of its loops by run id.
RECORDED_RUNS = Path(__file__).with_name("recorded_runs")


def recorded(name: str) -> RunState:
    bodies = json.loads((RECORDED_RUNS / f"{name}.json").read_text())
    return run_state(
        Run.from_dict(bodies["run"]), {int(run_id): Run.from_dict(body) for run_id, body in bodies["loops"].items()}
    )


def test_a_recorded_run_that_ended_is_a_tree_in_the_order_of_its_tasks() -> None:
    assert [line.rstrip() for line in drawn(recorded("two_tables_ended")).splitlines()] == [
        "✓ run 1  10.7 s",
        "├── ✓ list_changed_tables  SUCCESS  2.0 s",
        "├── ✓ any_changed  SUCCESS",
        "├── ✓ clone_tables  SUCCESS  2 of 2  6.6 s",
        "│   ├── ✓ main.main.line_item  SUCCESS  6.6 s",
        "│   └── ✓ main.main.supplier  SUCCESS  6.6 s",
        "├── ✓ register_tables  SUCCESS  2 of 2  0.9 s",
        "│   ├── ✓ main.main.line_item  SUCCESS  0.9 s",
        "│   └── ✓ main.main.supplier  SUCCESS  0.9 s",
        "└── ✓ record_export  SUCCESS  1.2 s",
    ]


def test_a_recorded_run_under_way_shows_what_runs() -> None:
    run = recorded("two_tables_running")
    assert not run.has_ended
    assert [(task.title, task.state, len(task.iterations)) for task in run.tasks] == [
        ("list_changed_tables", "SUCCESS", 0),
        ("any_changed", "SUCCESS", 0),
        ("clone_tables", "RUNNING", 2),
        ("register_tables", "BLOCKED", 0),
        ("record_export", "BLOCKED", 0),
    ]
    assert "● main.main.supplier  RUNNING" in drawn(run)
