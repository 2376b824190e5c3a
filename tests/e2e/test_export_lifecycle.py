"""Tables over their life: pages of many, descriptors that go or change, branches that go, and runs that failed."""

import pytest
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from deployed_exports import ALL_DONE, REMOVED_ONLY, Exports
from small_pages import ONE_TABLE
from table_repository import TableRepository

pytestmark = pytest.mark.e2e

# So long in a task value, which writes each letter as six, that 20 of these do not fit into one.
LONG_PATH = "/".join(["tables", *["ü" * 62 + "日"] * 7])


def test_more_tables_than_fit_into_one_run_come_in_pages(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    names = [f"t{number:02}" for number in range(20)]
    for name in names:
        repository.describe(name, path=f"{LONG_PATH}/{name}")
    for name in names[1:]:
        repository.write(f"{LONG_PATH}/{name}", [name])
    head = repository.commit()

    first = exports.run(repository)

    assert first.state == "FAILED"
    assert "pages that follow in runs of their own: 1" in first.listing
    assert f"there is no Delta table at s3a://{repository.name}/{head}/{LONG_PATH}/t00" in first.text
    second = exports.run_of(repository, event="next_page")
    assert second.state == "FAILED"
    assert "descriptors of other pages are not read" in second.listing
    assert "an earlier page of this export failed, so the watermark stays" in second.text
    assert (first.cloned | second.cloned, first.cloned & second.cloned) == (set(names[1:]), set())
    assert len(second.cloned) > 1
    assert exports.tables(schema) == set(names[1:])
    assert exports.words(schema, names[-1]) == [names[-1]]
    assert exports.watermark(repository) is None

    # With smaller pages, a few tables take as many runs.
    for name in names[3:]:
        repository.remove(f"_lakefs_tables/{name}.yaml")
    repository.write(f"{LONG_PATH}/t00", ["found"])
    mended = repository.commit()
    in_small_pages = exports.variant(page_bytes=ONE_TABLE)
    again = in_small_pages.run(repository)

    assert again.state == "SUCCESS", again.text
    assert "pages that follow in runs of their own: 2" in again.listing
    assert in_small_pages.run_of(repository, event="next_page", page_after=f"main.{schema}.t01").state == "SUCCESS"
    assert exports.tables(schema) == set(names)
    assert exports.words(schema, names[0]) == ["found"]
    assert exports.watermark(repository) == mended


def test_registrations_follow_the_descriptors_where_that_is_wanted(
    exports: Exports, repository: TableRepository
) -> None:
    schema = repository.branch
    for name in ("orders", "nation", "region"):
        repository.add(name, [name])
    repository.commit()
    dropping = exports.variant(on_removed="drop")
    assert dropping.run(repository).state == "SUCCESS"
    change = [PermissionsChange(principal="analysts", add=[Privilege.SELECT])]
    exports.client.grants.update("table", f"main.{schema}.region", changes=change)
    repository.remove("_lakefs_tables/orders.yaml")
    repository.describe("countries", path="tables/nation", file="nation")
    repository.commit()

    kept = exports.run(repository)

    assert (kept.state, kept.cloned) == ("SUCCESS", {"countries"}), kept.text
    assert exports.tables(schema) == {"orders", "nation", "region", "countries"}
    assert "2 registrations that no descriptor asks for are kept, since on_removed is keep" in kept.listing

    dropped = dropping.run(repository)

    assert (dropped.state, dropped.tasks) == ("SUCCESS", REMOVED_ONLY), dropped.text
    assert exports.tables(schema) == {"region", "countries"}
    assert exports.words(schema, "countries") == ["nation"]
    assert exports.client.grants.get("table", f"main.{schema}.region").privilege_assignments

    repository.add("orders", ["again"])
    repository.commit()
    assert dropping.run(repository).state == "SUCCESS"
    assert exports.words(schema, "orders") == ["again"]


def test_a_table_moves_to_another_catalog(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    catalog = f"finance_{schema}"
    exports.client.catalogs.create(catalog)
    repository.add("orders", ["o1"])
    repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    repository.describe("orders", catalog=catalog)
    moved = repository.commit()

    refused = exports.run(repository)

    assert refused.state == "FAILED"
    assert f"{catalog}.{schema}.orders is registered as main.{schema}.orders at" in refused.text
    assert "drop that registration, or set on_removed to drop" in refused.text

    done = exports.variant(on_removed="drop").run(repository)

    assert (done.state, done.tasks) == ("SUCCESS", {**ALL_DONE, "unregister_tables": "SUCCESS"}), done.text
    assert exports.tables(schema) == set()
    assert exports.with_job(exports.job_id, catalog=catalog).words(schema, "orders") == ["o1"]
    assert exports.watermark(repository) == moved


def test_a_branch_that_is_gone_leaves_nothing_where_that_is_wanted(
    exports: Exports, repository: TableRepository
) -> None:
    repository.add("orders", ["o1"])
    repository.commit()
    feature = repository.create_branch(f"feature-{repository.branch}")
    assert exports.run(repository, branch=feature).state == "SUCCESS"
    repository.delete_branch(feature)

    kept = exports.run(repository, branch=feature)

    assert kept.state == "SUCCESS"
    assert "its tables stay registered (on_removed is keep)" in kept.listing
    assert exports.tables(feature) == {"orders"}

    dropped = exports.variant(on_removed="drop").run(repository, branch=feature)

    assert (dropped.state, dropped.tasks) == ("SUCCESS", REMOVED_ONLY), dropped.text
    assert not exports.has_schema(feature)


def test_a_table_of_a_run_that_failed_follows_the_branch_back(exports: Exports, repository: TableRepository) -> None:
    """The change is reverted after the run that had cloned it failed: nothing differs from the watermark any more."""
    schema = repository.branch
    repository.add("orders", ["o1"])
    first = repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    repository.write("tables/orders", ["o2"])
    repository.describe("lost")
    repository.commit()
    failed = exports.run(repository)
    assert (failed.state, failed.cloned) == ("FAILED", {"orders"})
    assert (exports.words(schema, "orders"), exports.watermark(repository)) == (["o2"], first)

    repository.reset(first)
    healed = exports.run(repository)

    assert (healed.state, healed.tasks) == ("SUCCESS", ALL_DONE), healed.text
    assert (exports.words(schema, "orders"), exports.watermark(repository)) == (["o1"], first)


def test_properties_that_somebody_edited_are_not_relied_on(exports: Exports, repository: TableRepository) -> None:
    schema = repository.branch
    repository.add("orders", ["o1"])
    repository.commit()
    repository.write("tables/orders", ["o2"])
    head = repository.commit()
    assert exports.run(repository).state == "SUCCESS"
    name = f"main.{schema}"
    properties = exports.client.schemas.get(name).properties or {}
    edited = properties | {f"lakefs.{repository.name}.commit_id": "main"}
    exports.client.schemas.update(name, properties=edited)

    run = exports.run(repository)

    assert (run.state, run.tasks) == ("SUCCESS", ALL_DONE), run.text
    assert run.cloned == {"orders"}
    assert exports.watermark(repository) == head
