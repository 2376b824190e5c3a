"""What a warehouse can be told to refuse, and the lines of `check_warehouse` that tell of it, in both states."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from local_warehouse import drop

from lakefs_unity_export.checks.handed_over import TriedClones
from lakefs_unity_export.checks.model import Line
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_checks
from lakefs_unity_export.checks.warehouse_checks import CHECKS, WarehouseSetup
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.provenance import Provenance
from lakefs_unity_export.errors import WorkspaceError
from lakefs_unity_export.setup_ports import Identity, WarehouseInfo
from local_stack.unity_catalog import UnityCatalogServer
from local_stack.warehouse import Warehouse, WarehouseError
from local_stack.warehouse.limits import SYSTEM, Limits

pytestmark = pytest.mark.spark
pytest_plugins = ["local_warehouse"]

CATALOG = "limited"
IDENTITY = Identity(name="exporter@example.com")


class WarehouseOfTheStack:
    """The local warehouse in the place of the workspace's statement API."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def info(self) -> WarehouseInfo:
        return WarehouseInfo(name="Local Warehouse", type="PRO", state="RUNNING")

    def query(self, statement: str) -> list[tuple[str | None, ...]]:
        try:
            return list(self._warehouse.execute(statement, {})[-1].rows)
        except WarehouseError as error:
            raise WorkspaceError(error.message) from error


@pytest.fixture(scope="module")
def cloned(
    local_warehouse: Warehouse, unity_catalog: UnityCatalogServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """The warehouse, and a schema for each clone method, with a table as the method makes it."""
    headers = {"Authorization": f"Bearer {unity_catalog.token}"}
    url = f"{unity_catalog.url}/api/2.1/unity-catalog/catalogs"
    httpx.post(url, json={"name": CATALOG}, headers=headers).raise_for_status()
    folder = tmp_path_factory.mktemp("limits")
    for method in (CloneMethod.STORAGE, CloneMethod.DEEP):
        location = folder / "exports" / method / "orders"
        write_table(location, method, files=location if method is CloneMethod.DEEP else folder / "storage")
        local_warehouse.execute(f"CREATE SCHEMA {CATALOG}.{method}", {})
        local_warehouse.execute(
            f"CREATE TABLE {CATALOG}.{method}.orders USING DELTA LOCATION '{location.as_uri()}'", {}
        )
    yield local_warehouse
    drop(unity_catalog, f"/catalogs/{CATALOG}")


def write_table(location: Path, method: CloneMethod, *, files: Path) -> None:
    """A Delta table whose log names its file in this folder, and says that an export cloned it by this method."""
    origin = Provenance(
        repository="shop", branch=method, commit_id="c0ffee", commit_generation=2, path="orders", line=1, method=method
    )
    write_deltalake(files, pa.table({"id": [1]}))
    log = files / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "add" in action and files != location:
            action["add"]["path"] = (files / action["add"]["path"]).as_uri()
        if "commitInfo" in action:
            action["commitInfo"]["userMetadata"] = origin.user_metadata()
    target = location / "_delta_log" / log.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(json.dumps(action) for action in actions))


@pytest.fixture(autouse=True)
def unlimited(local_warehouse: Warehouse) -> Iterator[None]:
    """Whatever a test limits is allowed after it."""
    yield
    local_warehouse.limits = Limits()


def location_of(warehouse: Warehouse, method: CloneMethod) -> str:
    """Where the table was registered."""
    statement = f"SELECT storage_path FROM {CATALOG}.information_schema.tables WHERE table_schema = '{method}'"
    (row,) = warehouse.execute(statement, {})[-1].rows
    return str(row[0])


def lines(warehouse: Warehouse, method: CloneMethod = CloneMethod.STORAGE) -> dict[str, Line]:
    """What `check_warehouse` finds of the schema of this method."""
    setup = WarehouseSetup(
        warehouse_id="w1",
        catalog=CATALOG,
        schema=lambda: method.value,
        folder=lambda: location_of(warehouse, method).rpartition("/")[0],
        warehouse=WarehouseOfTheStack(warehouse),
        identity=lambda: IDENTITY,
        # These checks ask for no clones of the task check_cluster.
        new_probe=lambda: pytest.fail("no schema is needed"),
        handed_over=TriedClones,
    )
    return {line.id: line for line in run_checks(CHECKS, setup, Redaction())}


def statuses(found: dict[str, Line]) -> dict[str, str]:
    return {id_: line.status.value for id_, line in found.items()}


@pytest.mark.parametrize("method", [CloneMethod.STORAGE, CloneMethod.DEEP])
@pytest.mark.parametrize("refused", [(SYSTEM,), ()], ids=["without system", "with system"])
def test_all_lines_pass_whether_or_not_the_identity_may_use_the_catalog_system(
    cloned: Warehouse, method: CloneMethod, refused: tuple[str, ...]
) -> None:
    """The SQL files read the information_schema of the catalog that they write to."""
    cloned.limits = Limits(refused_catalogs=refused)
    assert statuses(lines(cloned, method)) == {check.id: "pass" for check in CHECKS}


def test_a_catalog_that_the_identity_may_not_use_is_told_with_the_grant(cloned: Warehouse) -> None:
    cloned.limits = Limits(refused_catalogs=(SYSTEM, CATALOG.upper()))
    found = lines(cloned)
    assert f"User does not have USE CATALOG on Catalog '{CATALOG}'" in found["warehouse_catalog"].finding
    assert found["warehouse_catalog"].remedy == f"GRANT USE CATALOG ON CATALOG `{CATALOG}` TO `{IDENTITY.name}`;"
    expected = {check.id: "pass" for check in CHECKS}
    expected |= {"warehouse_catalog": "fail", "warehouse_history": "not run", "warehouse_rows": "not run"}
    assert statuses(found) == expected
    for statement in (
        f"USE CATALOG {CATALOG}",
        f"SELECT * FROM {CATALOG}.storage.orders",
        f"DROP SCHEMA {CATALOG}.none",
    ):
        with pytest.raises(WarehouseError, match="User does not have USE CATALOG"):
            cloned.execute(statement, {})
    with pytest.raises(WarehouseError, match="User does not have USE CATALOG"):
        cloned.execute("SELECT * FROM storage.orders", {}, catalog=CATALOG)


def test_rows_that_lie_outside_of_the_table_are_told_where_the_warehouse_may_not_read_them(cloned: Warehouse) -> None:
    cloned.limits = Limits(reads_files_elsewhere=False)
    found = lines(cloned)
    assert statuses(found) == {check.id: "pass" for check in CHECKS} | {"warehouse_rows": "warn"}
    rows = found["warehouse_rows"]
    assert f"`{CATALOG}`.`storage`.`orders`, a clone by the method storage, cannot be read: " in rows.finding
    assert "403 Forbidden" in rows.finding
    assert rows.remedy.startswith("set the bundle variable clone_method to deep")
    # As the remedy says: what is copied into the table lies in it.
    assert statuses(lines(cloned, CloneMethod.DEEP))["warehouse_rows"] == "pass"
    assert cloned.execute(f"SHOW TBLPROPERTIES {CATALOG}.storage.orders", {})[-1].rows is not None
