"""How many requests the clone task makes to lakeFS's gateway and to the store of its target, with nothing cached."""

import io
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import lakefs
import pytest
from delta.tables import DeltaTable
from faulty_gateway import FaultyGateway, answer
from lakefs.client import Client

from lakefs_unity_export.clones.decision import Action
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.tasks.clone_table import clone_table
from local_stack.lakefs.object_store import REGION, ObjectStore
from local_stack.lakefs.standin import LakeFSStandIn

pytestmark = pytest.mark.spark


@dataclass(frozen=True, order=True)
class Asked:
    """How many requests went to lakeFS, and how many to the store of the target."""

    lakefs: int
    target: int


@dataclass
class Stores:
    """A table at a commit of lakeFS, and a bucket for its clones."""

    spark: Any
    request: CloneRequest
    asked: dict[str, int]

    def clone(self, action: Action, generation: int = 2) -> Asked:
        """The requests of the task, which is to do this."""
        request = replace(self.request, commit_generation=generation)
        return self._asked(lambda: self._clone(request, action))

    def _clone(self, request: CloneRequest, action: Action) -> None:
        assert clone_table(self.spark, request, output=io.StringIO()).action is action

    def bare_clone(self) -> Asked:
        """The requests of a clone without anything around it."""
        target = f"{self.request.target_path}-bare"
        opened = partial(DeltaTable.forPath, self.spark, self.request.source_path)
        return self._asked(lambda: opened().clone(target, isShallow=True, replace=True))

    def _asked(self, call: Callable[[], object]) -> Asked:
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        before = dict(self.asked)
        call()
        return Asked(**{store: count - before[store] for store, count in self.asked.items()})


@pytest.fixture
def stores(spark: Any, server: LakeFSStandIn) -> Iterator[Stores]:
    asked = {"lakefs": 0, "target": 0}
    source, target = (f"{kind}-{secrets.token_hex(4)}" for kind in ("source", "exports"))
    store = ObjectStore([target])
    store.start()
    gateways = []
    keys_of = {"lakefs": server.access_key, "target": store.access_key}
    for kind, bucket, url in (("lakefs", source, server.url), ("target", target, store.url)):

        def note(*_: str, kind: str = kind) -> bool:
            asked[kind] += 1
            return False

        gateway = FaultyGateway(url, {bucket: (note, answer(500))})
        gateway.start()
        gateways.append(gateway)
        keys = {"access.key": keys_of[kind].id, "secret.key": keys_of[kind].secret}
        settings = {"endpoint": gateway.url, "endpoint.region": REGION, "path.style.access": "true", **keys}
        for name, value in settings.items():
            spark.sparkContext._jsc.hadoopConfiguration().set(f"fs.s3a.bucket.{bucket}.{name}", value)
    client = Client(host=server.url, username=server.access_key.id, password=server.access_key.secret)
    repository = lakefs.Repository(source, client=client).create(storage_namespace=f"local://{source}")
    spark.range(3).write.format("delta").save(f"s3a://{source}/main/tables/t")
    commit_id = repository.branch("main").commit("a table").get_commit().id
    request = CloneRequest(
        repository=source,
        branch="main",
        commit_id=commit_id,
        commit_generation=2,
        path="tables/t",
        table="`lake`.`main`.`t`",
        source_path=f"s3a://{source}/{commit_id}/tables/t",
        target_path=f"s3a://{target}/exports/t",
    )
    yield Stores(spark, request, asked)
    for gateway in gateways:
        gateway.stop()
    store.stop()


def test_a_clone_asks_little_more_than_a_bare_one_and_nothing_of_lakefs_where_nothing_is_to_be_done(
    stores: Stores,
) -> None:
    bare = [stores.bare_clone(), stores.bare_clone()]
    first, current = stores.clone(Action.CLONED), stores.clone(Action.CURRENT)
    again = stores.clone(Action.CLONED, generation=3)
    print(f"bare clone {bare}, first {first}, again {again}, nothing to do {current}")
    # The source is opened once, and never for nothing.
    assert current.lakefs == 0
    assert first.lakefs <= min(40, bare[0].lakefs + 12)
    assert again.lakefs <= min(40, bare[1].lakefs + 15)
    # Looks at the target: whether there is one, its properties and its newest commit, and after a clone its commit.
    assert current.target <= 42
    assert first.target <= bare[0].target + 24
    assert again.target <= bare[1].target + 36
