"""`python -m local_stack`: get what the local stack needs, keep it running, put hooks in, query it, show it."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.errors import SetupError
from local_stack.toolchain import ToolMissingError
from local_stack.triggers.trigger import ExportTrigger

DEFAULT_FOLDER = Path(".local_stack")
DEPLOYED_TO_LOCAL = Path(".databricks/bundle/local")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code. Errors that a user can put right are one line on standard error."""
    parsed = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(parsed.run(parsed))
    except (SetupError, ToolMissingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the stack as Ctrl-C does, with everything cleaned up."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    setup = commands.add_parser("setup", help="get Java, Spark's jars and the Databricks CLI")
    setup.set_defaults(run=_setup)
    up = commands.add_parser("up", help="run the local stack until Ctrl-C")
    up.set_defaults(run=_up)
    demo = commands.add_parser("demo", help="tell the story on TPC-H tables, and compare every row")
    demo.set_defaults(run=_demo)
    faults = commands.add_parser("demo-faults", help="lose events, kill Spark, and end with every row equal")
    faults.set_defaults(run=_demo_faults)
    hook = commands.add_parser("install-hook", help="commit the hook to a branch of a lakeFS repository")
    hook.add_argument("repository")
    hook.add_argument("branch")
    hook.set_defaults(run=_install_hook)
    sql = commands.add_parser("sql", help="ask the running stack's SQL warehouse")
    sql.add_argument("statement")
    sql.set_defaults(run=_sql)
    for command in (demo, faults):
        command.add_argument("--scale", type=_scale, default=0.01, help="TPC-H scale factor (default 0.01)")
    for command in (up, demo):
        command.add_argument(
            "--trigger",
            type=ExportTrigger,
            choices=list(ExportTrigger),
            default=ExportTrigger.LUA,
            help="what starts exports: the Lua hook (default), the webhook service, or the job reconcile alone",
        )
    for command in (up, demo, faults):
        command.add_argument(
            "--clone-method",
            type=CloneMethod,
            choices=list(CloneMethod),
            default=CloneMethod.SHALLOW,
            help="how tables are cloned; but for shallow (default), the SQL warehouse cannot reach lakeFS",
        )
        command.add_argument("--folder", type=Path, default=None, help="for all its files; removed at the end")
    return parser


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no scale factor; use a number such as 0.01, at most 100")
    return scale


# What the commands need is imported when they run: it takes a second, and `--help` should not.
def _setup(_: argparse.Namespace) -> int:
    from local_stack.spark.class_archive import make_class_archive
    from local_stack.toolchain.databricks_cli import find_or_build_cli
    from local_stack.toolchain.jars import prefetch_jars
    from local_stack.toolchain.java import java_home

    def say(line: str) -> None:
        print(f"setup: {line}", flush=True)

    java_home()
    prefetch_jars(say)
    with ThreadPoolExecutor() as pool:
        # The first time, both take a minute or more.
        archived = pool.submit(make_class_archive, say)
        find_or_build_cli(sys.stdout)
        archived.result()
    return 0


def _up(parsed: argparse.Namespace) -> int:
    from local_stack.serving import serve
    from local_stack.stack import LocalStack
    from local_stack.toolchain.databricks_cli import find_or_build_cli

    cli = find_or_build_cli(sys.stdout)
    # What the CLI keeps here of a deployment to an earlier stack: the jobs in it are gone with that stack.
    shutil.rmtree(DEPLOYED_TO_LOCAL, ignore_errors=True)
    with LocalStack(
        folder=parsed.folder or DEFAULT_FOLDER,
        progress=sys.stdout,
        trigger=parsed.trigger,
        clone_method=parsed.clone_method,
    ) as stack:
        return serve(stack, cli, sys.stdout)


def _demo(parsed: argparse.Namespace) -> int:
    from local_stack.demo import run_demo

    return run_demo(
        _demo_folder(parsed), parsed.scale, sys.stdout, trigger=parsed.trigger, clone_method=parsed.clone_method
    )


def _demo_faults(parsed: argparse.Namespace) -> int:
    from local_stack.demo import run_demo_faults

    return run_demo_faults(_demo_folder(parsed), parsed.scale, sys.stdout, clone_method=parsed.clone_method)


def _demo_folder(parsed: argparse.Namespace) -> Path:
    """Outside of the checkout: the demo deploys from a copy there, and the CLI passes over what git ignores here."""
    return parsed.folder or Path(tempfile.gettempdir()) / f"lakefs-unity-export-demo-{os.getpid()}"


def _install_hook(parsed: argparse.Namespace) -> int:
    from local_stack.control import install_hook

    return install_hook(parsed.repository, parsed.branch, sys.stdout)


def _sql(parsed: argparse.Namespace) -> int:
    from local_stack.control import query

    return query(parsed.statement, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
