"""The request: named parameters in, checked values and names out, and what is refused."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.commit.descriptors import NamingRules
from lakefs_unity_export.errors import InvalidNameError, SettingsError
from lakefs_unity_export.export.request import NamedRequest, Request, parse_arguments

REQUIRED = {
    "repository": "shop",
    "branch": "main",
    "lakefs_endpoint": "https://lakefs.example.com",
    "secret_scope": "lakefs",
    "catalog": "lake",
    "target_base_location": "s3://bucket/exports",
}


def _arguments(**values: str) -> list[str]:
    return [f"--{name}={value}" for name, value in {**REQUIRED, **values}.items()]


def test_the_required_parameters_are_enough() -> None:
    assert parse_arguments(_arguments()) == Request(
        **REQUIRED,  # type: ignore[arg-type]
        commit_id="",
        event="manual",
        mode="changed",
        snapshot="commit",
        page_after="",
        base_commit="",
        access_key_name="lakefs-access-key-id",
        secret_key_name="lakefs-secret-access-key",
        schema_template="{branch}",
        table_descriptors_path="_lakefs_tables",
        table_defs="",
    )


def test_every_parameter_is_read() -> None:
    values = {
        "commit_id": "c0ffee",
        "event": "post-merge",
        "mode": "full",
        "snapshot": "latest",
        "access_key_name": "key",
        "secret_key_name": "secret",
        "schema_template": "lake_{branch}",
        "table_descriptors_path": "meta",
        "table_defs": "a, b/c.yaml,,",
    }
    request = parse_arguments(_arguments(**values))
    assert {name: getattr(request, name) for name in values} == values
    assert request.named().descriptor_names == ("a", "b/c.yaml")


def test_a_branch_that_would_hide_the_others_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidNameError, match=r"^the folder of branch '_delta_log' would make"):
        parse_arguments(_arguments(branch="_delta_log"))


@pytest.mark.parametrize("repository", ["ab-", "data--x-s3", "o" * 43 + "--op-s3"])
def test_a_repository_that_spark_cannot_read_is_refused_before_anything_starts(repository: str) -> None:
    with pytest.raises(SettingsError, match=f"^repository '{repository}' cannot be exported, for its name ends in "):
        parse_arguments(_arguments(repository=repository))
    assert parse_arguments(_arguments(repository=repository + "a")).repository == repository + "a"


def test_empty_parameters_keep_their_default() -> None:
    empty = dict.fromkeys(("event", "mode", "snapshot", "schema_template", "table_descriptors_path"), "")
    assert parse_arguments(_arguments(**empty)) == parse_arguments(_arguments())


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_required_parameter_that_is_missing_or_empty_is_named(name: str) -> None:
    message = f"^{name} is empty; set the job parameter or the bundle variable of this name$"
    with pytest.raises(SettingsError, match=message):
        parse_arguments(_arguments(**{name: ""}))
    with pytest.raises(SettingsError, match=message):
        parse_arguments([argument for argument in _arguments() if not argument.startswith(f"--{name}=")])


@pytest.mark.parametrize(
    "value", ["a'b", 'a"b', "a`b", "a\\b", "a b", "{{job.id}}", "a\nb", "; drop", "--x", "ä", "../a"]
)
@pytest.mark.parametrize("name", ["repository", "branch", "commit_id", "event", "mode", "snapshot"])
def test_odd_values_of_job_parameters_are_refused_and_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^job parameter {name} is {re.escape(repr(value))}; "):
        parse_arguments(_arguments(**{name: value}))


@pytest.mark.parametrize(
    "parameters",
    [
        {"page_after": "lake.main.a"},
        {"base_commit": "c0ffee", "event": "post-commit"},
        {"page_failed": "true"},
        {"pages": "{}"},
        {"event": "next_page"},
        {"event": "next_page", "base_commit": "c0ffee"},
    ],
)
def test_parameters_of_later_pages_belong_together(parameters: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="are for runs that another run starts"):
        parse_arguments(_arguments(**parameters))


def test_a_later_page_is_taken_as_it_is_started() -> None:
    given = {"event": "next_page", "page_after": "lake.main.a", "base_commit": "c0ffee", "page_failed": "true"}
    request = parse_arguments(_arguments(**given))
    assert (request.page_after, request.base_commit, request.page_failed) == ("lake.main.a", "c0ffee", "true")


def test_what_to_do_with_removed_tables_is_keep_or_drop() -> None:
    assert parse_arguments(_arguments()).on_removed == "keep"
    with pytest.raises(SettingsError, match="on_removed is 'delete'; set the bundle variable to one of keep, drop"):
        parse_arguments(_arguments(on_removed="delete"))


@pytest.mark.parametrize("argument", ["--unknown=x", "--repo=shop", "loose"])
def test_unknown_parameters_are_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([*_arguments(), argument])
    assert f"unrecognized arguments: {argument}" in capsys.readouterr().err


@given(st.sampled_from(["repository", "branch", "commit_id", "event", "mode", "snapshot"]), st.text(max_size=80))
def test_arbitrary_job_parameters_are_taken_or_refused(name: str, value: str) -> None:
    try:
        request = parse_arguments(_arguments(**{name: value}))
    except SettingsError:
        return
    assert re.fullmatch(r"[\w-]*", getattr(request, name), re.ASCII)


@given(st.text(max_size=80))
def test_arbitrary_values_reach_the_settings_unchanged(value: str) -> None:
    assume(value != "--")  # which argparse of Python 3.11 takes for the end of the options
    request = parse_arguments(_arguments(table_defs=value, schema_template=value, secret_key_name=value))
    assert request.table_defs == value
    assert request.schema_template == (value or "{branch}")
    named = parse_arguments(_arguments(table_defs=value)).named()
    assert all(entry == entry.strip() != "" for entry in named.descriptor_names)


def test_a_branch_that_no_property_can_name_is_refused() -> None:
    assert parse_arguments(_arguments(branch="b" * 255)).branch == "b" * 255
    with pytest.raises(InvalidNameError, match="has 256 characters"):
        parse_arguments(_arguments(branch="b" * 256))


# The names that follow from the settings

SETTINGS = {
    "branch": "Feature-X",
    "catalog": "Lake",
    "schema_template": "{repository}_{branch}",
    "target_base_location": "file:/exports/",
    "table_descriptors_path": "/meta/tables/",
    "table_defs": "a,,b ",
}
PAGE = {
    "event": "next_page",
    "page_after": "lake.main.a",
    "base_commit": "c0ffee",
    "page_failed": "true",
    "pages": "{}",
}


def test_a_named_request_holds_every_value_in_its_last_form() -> None:
    given = {"commit_id": "c0ffee", "mode": "full", "snapshot": "latest", "on_removed": "drop"}
    given["clone_method"] = "deep"
    assert parse_arguments(_arguments(**SETTINGS, **PAGE, **given)).named() == NamedRequest(
        repository="shop",
        branch="Feature-X",
        commit_id="c0ffee",
        event="next_page",
        mode="full",
        snapshot="latest",
        clone_method=CloneMethod.DEEP,
        page_after="lake.main.a",
        base_commit="c0ffee",
        page_failed=True,
        pages="{}",
        rules=NamingRules(catalog="lake", schema="shop_feature-x", folder="meta/tables"),
        target_base_location="file:///exports",
        descriptor_names=("a", "b"),
        on_removed="drop",
    )


@pytest.mark.parametrize(("event", "of_head"), [("next_page", "reconcile"), ("post-merge", "post-merge")])
def test_a_request_for_the_head_begins_with_the_first_page(event: str, of_head: str) -> None:
    pages = PAGE if event == "next_page" else {"event": event}
    first = {"event": of_head, "commit_id": ""}
    request = parse_arguments(_arguments(**SETTINGS, **pages, commit_id="c0ffee")).named()
    assert request.for_head() == parse_arguments(_arguments(**SETTINGS, **first)).named()


REFUSED = {
    "table_descriptors_path": ("../x", SettingsError, "table_descriptors_path: path '../x' has the segment '..'"),
    "catalog": ("a.b", InvalidNameError, r"catalog 'a\.b' holds '\.'"),
    "schema_template": ("{tag}", SettingsError, "schema_template '{tag}' has the placeholder {tag}"),
    "target_base_location": ("exports", SettingsError, "target_base_location 'exports' is no storage URI"),
}


@pytest.mark.parametrize("first", range(len(REFUSED)), ids=REFUSED.keys())
def test_of_several_settings_that_give_no_name_one_is_told_in_this_order(first: int) -> None:
    wrong = list(REFUSED.items())[first:]
    request = parse_arguments(_arguments(**{name: value for name, (value, *_) in wrong}))
    _, (_, error, message) = wrong[0]
    with pytest.raises(error, match=f"^{message}"):
        request.named()
