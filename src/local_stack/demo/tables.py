"""The demo's tables: TPC-H's eight, each written by one of two writers and with one feature of Delta to carry over."""

import subprocess
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from local_stack.demo.failure import DemoFailure

FIXTURES = Path(__file__).parents[3] / "fixtures" / "tpch"
DESCRIPTOR_FOLDER = "_lakefs_tables"

_GENERATE_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class TpchTable:
    """name: in Unity Catalog; source: TPC-H's own name; path: in the repository, as its descriptor says."""

    name: str
    source: str
    path: str
    writer: str
    feature: str = ""


TABLES = (
    TpchTable(
        name="line_item", source="lineitem", path="tables/sales/line-item", writer="Spark", feature="deletion vectors"
    ),
    TpchTable(
        name="orders", source="orders", path="tables/sales/orders", writer="Spark", feature="partitions, comments"
    ),
    TpchTable(
        name="customer", source="customer", path="tables/sales/customer", writer="Spark", feature="column mapping"
    ),
    TpchTable(name="part", source="part", path="tables/part", writer="delta-rs"),
    TpchTable(name="part_supp", source="partsupp", path="tables/part-supp", writer="delta-rs"),
    TpchTable(name="supplier", source="supplier", path="tables/supplier", writer="delta-rs"),
    TpchTable(name="nation", source="nation", path="tables/geography/nation", writer="delta-rs", feature="comments"),
    TpchTable(name="region", source="region", path="tables/geography/region", writer="delta-rs"),
)
TABLE_NAMES = frozenset(table.name for table in TABLES)


def table_named(name: str) -> TpchTable:
    """The table with this name in Unity Catalog."""
    return next(table for table in TABLES if table.name == name)


def generate(folder: Path, scale: float) -> None:
    """Write TPC-H's tables at this scale as `{source}.parquet` into the folder.

    Raises DemoFailure where tpchgen-cli is missing or refuses.
    """
    command = [_generator(), "parquet", "--scale-factor", str(scale), "--output-dir", str(folder), "--quiet"]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=_GENERATE_SECONDS, check=True)
    except OSError as error:
        raise DemoFailure(f"tpchgen-cli does not start ({error}); `make setup` installs it") from error
    except subprocess.CalledProcessError as error:
        raise DemoFailure(f"tpchgen-cli made no tables at scale {scale}: {error.stderr.strip()[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise DemoFailure(f"tpchgen-cli took over {_GENERATE_SECONDS} s; choose a smaller --scale") from error


def descriptor_files(described: Collection[TpchTable] = TABLES) -> dict[str, bytes]:
    """The descriptors of these tables and of what is no table of the demo, by their path in the repository."""
    folder = FIXTURES / DESCRIPTOR_FOLDER
    left_out = {f"path: {table.path}" for table in TABLES if table not in described}
    found = {file: file.read_bytes() for file in sorted(folder.rglob("*.yaml"))}
    return {
        f"{DESCRIPTOR_FOLDER}/{file.relative_to(folder).as_posix()}": content
        for file, content in found.items()
        if left_out.isdisjoint(content.decode().splitlines())
    }


def queries() -> dict[str, str]:
    """TPC-H queries by name, each with `{table}` where a table's name goes."""
    files = sorted((FIXTURES / "queries").glob("*.sql"))
    return {file.stem.upper(): file.read_text(encoding="utf-8") for file in files}


def _generator() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "tpchgen-cli")
