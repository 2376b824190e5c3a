"""Names and paths: the rules, what they refuse and with which message, and properties over arbitrary text."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakefs_unity_export import names
from lakefs_unity_export.errors import InvalidNameError, SettingsError

REFUSED_IN_NAMES = list(" \t\n\r\x00\x1f\x7f\x85\u00a0\u2028\u2029./\\'\"`%?#*:;|<>{}[]")
REFUSED_IN_PATHS = ["\\", "'", '"', "`", "{{", "}}", "\x00", "\n", "\x1f", "\x7f", "\x9f", "\u2028", "\ud800"]
REFUSED_IN_LOCATIONS = [" ", "'", '"', "`", "\\", "{", "}", "?", "#", "\n", "\x00", "\u00a0", "\ud800"]
UNSAFE = re.compile(r"""['"`\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|\{\{|\}\}""")

any_text = st.text(st.characters(), max_size=300)


# Identifiers


@pytest.mark.parametrize("value", ["a", "_", "feature-x", "Ünïcode", "日本", "a@b", "a$b", "1", "x" * 255])
def test_identifiers_are_taken_in_lower_case(value: str) -> None:
    assert names.check_identifier("schema", value) == value.lower()


@pytest.mark.parametrize("character", REFUSED_IN_NAMES)
def test_identifiers_refuse_what_uris_sql_and_jobs_read_otherwise(character: str) -> None:
    for value in (character, f"a{character}b", f"{character}a", f"a{character}"):
        with pytest.raises(InvalidNameError) as raised:
            names.check_identifier("table name", value)
        assert str(raised.value) == (
            f"table name {value!r} holds {character!r}; use letters, digits, '_' and '-' in it"
        )


def test_identifiers_refuse_surrogates_which_no_file_or_request_can_hold() -> None:
    with pytest.raises(InvalidNameError, match=r"holds"):
        names.check_identifier("schema", "a\ud800")


def test_identifiers_are_not_empty() -> None:
    with pytest.raises(InvalidNameError, match=r"^catalog is empty; give it a name$"):
        names.check_identifier("catalog", "")


def test_identifiers_have_at_most_255_characters() -> None:
    with pytest.raises(InvalidNameError) as raised:
        names.check_identifier("schema", "x" * 256)
    assert str(raised.value) == f"schema {'x' * 40!r}... has 256 characters, Unity Catalog takes 255; shorten it"


def test_identifiers_are_measured_in_lower_case_which_can_be_longer() -> None:
    assert len("İ".lower()) == 2
    with pytest.raises(InvalidNameError, match=r"has 256 characters"):
        names.check_identifier("schema", "İ" * 128)


@given(any_text)
@example("\ud800")
@example("İ" * 255)
def test_an_accepted_identifier_is_safe_everywhere(value: str) -> None:
    try:
        name = names.check_identifier("schema", value)
    except InvalidNameError:
        return
    assert not UNSAFE.search(name)
    assert not re.search(r"[\s./]", name)
    assert 1 <= len(name) <= names.MAX_NAME_LENGTH
    assert name == names.check_identifier("schema", name)
    name.encode()


@given(any_text)
def test_a_table_name_holds_no_hyphen_and_is_safe(value: str) -> None:
    try:
        name = names.table_name(value)
    except InvalidNameError:
        return
    assert "-" not in name
    assert not UNSAFE.search(name)
    assert names.quoted(name) == f"`{name}`"


@pytest.mark.parametrize("name", ["_delta_log", "_Delta-Log", "-delta-log"])
def test_a_table_is_not_called_as_a_log_is(name: str) -> None:
    with pytest.raises(
        InvalidNameError, match=f"^table name '{name}' would make the branch's folder look like a Delta"
    ):
        names.table_name(name)
    assert names.table_name(f"{name}s") == "_delta_logs"


def test_a_branch_that_is_called_as_a_log_is_cannot_be_exported() -> None:
    with pytest.raises(InvalidNameError, match=r"^the folder of branch '_delta_log' would make"):
        names.check_branch_folder(names.check_branch("_delta_log"))
    for fine in ("_delta_logs", "delta_log", "_delta-log", "_x", "0", "__"):
        assert names.check_branch_folder(names.check_branch(fine)) == fine


def test_a_table_name_has_underscores_for_hyphens_as_lakefs_exports_it() -> None:
    assert names.table_name("Line-Item-2024") == "line_item_2024"


# Quoting


def test_every_part_of_a_name_is_quoted() -> None:
    name = names.TableName(catalog="main", schema="feature-x", table="line_item")
    assert name.quoted == "`main`.`feature-x`.`line_item`"
    assert name.full_name == "main.feature-x.line_item"
    assert names.read_quoted(name.quoted) == name


@pytest.mark.parametrize(
    "text",
    ["", "a.b.c", "`a`.`b`", "`a`.`b`.`c`.`d`", "`a`.`b`.``", "`a`.`b`.`c`\n", "`a``b`.`c`.`d`", "{{input.table}}"],
)
def test_what_is_no_quoted_name_is_not_read_as_one(text: str) -> None:
    with pytest.raises(InvalidNameError, match="is no full name of a table, each of its three parts in backticks"):
        names.read_quoted(text)


def test_a_backtick_is_never_quoted() -> None:
    with pytest.raises(InvalidNameError, match=r"identifier 'a`b' holds a backtick; rename it"):
        names.quoted("a", "a`b")


# Schemas


@pytest.mark.parametrize(
    ("template", "schema"),
    [
        ("{branch}", "feature-x"),
        ("{repository}_{branch}", "shop_feature-x"),
        ("lake_{branch}_{branch}", "lake_feature-x_feature-x"),
        ("Exports", "exports"),
    ],
)
def test_a_schema_is_its_template_filled_in(template: str, schema: str) -> None:
    assert names.schema_name(template, repository="shop", branch="Feature-X") == schema


def test_a_schema_template_with_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(SettingsError) as raised:
        names.schema_name("{tag}_{branch}", repository="shop", branch="main")
    assert str(raised.value) == (
        "schema_template '{tag}_{branch}' has the placeholder {tag}; use {branch} and {repository}"
    )


@pytest.mark.parametrize(
    "template", ["", "a b", "{branch", "branch}", "{{branch}}", "a`b", "a.{branch}", "{branch}" * 64]
)
def test_a_schema_template_that_makes_no_name_is_refused(template: str) -> None:
    with pytest.raises(InvalidNameError, match=r"^schema "):
        names.schema_name(template, repository="shop", branch="main")


@given(any_text)
def test_a_schema_template_is_filled_in_or_refused(template: str) -> None:
    try:
        schema = names.schema_name(template, repository="shop", branch="main")
    except (SettingsError, InvalidNameError):
        return
    assert not UNSAFE.search(schema)


# Table paths


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("tables/t1", "tables/t1"),
        ("/tables/t1", "tables/t1"),
        ("tables/t1/", "tables/t1"),
        ("/tables/t1/", "tables/t1"),
        ("t", "t"),
        ("a b/ü=%+#?:,日", "a b/ü=%+#?:,日"),
        ("a{b}/c", "a{b}/c"),
        ("...", "..."),
        ("x/..y", "x/..y"),
    ],
)
def test_a_leading_or_trailing_slash_of_a_path_is_forgiven(path: str, bare: str) -> None:
    assert names.table_path(path) == bare


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_a_path_is_not_empty(path: str) -> None:
    with pytest.raises(InvalidNameError) as raised:
        names.table_path(path)
    assert str(raised.value) == f"path {path!r} is empty; name the folder of the table"


@pytest.mark.parametrize(
    ("path", "segment"),
    [
        ("../t", "the segment '..'"),
        ("a/../t", "the segment '..'"),
        ("a/..", "the segment '..'"),
        ("..", "the segment '..'"),
        ("./t", "the segment '.'"),
        ("a/.", "the segment '.'"),
        ("a//t", "an empty segment"),
        ("//t", "an empty segment"),
        ("t//", "an empty segment"),
    ],
)
def test_a_path_leads_from_the_root_in_plain_segments(path: str, segment: str) -> None:
    with pytest.raises(InvalidNameError) as raised:
        names.table_path(path)
    assert str(raised.value) == f"path {path!r} has {segment}; write it from the repository's root"


@pytest.mark.parametrize("path", ["_delta_log", "t/_delta_log", "/a/t/_delta_log/"])
def test_a_path_is_a_tables_folder_not_its_log(path: str) -> None:
    with pytest.raises(InvalidNameError) as raised:
        names.table_path(path)
    assert str(raised.value) == (f"path {path!r} is the log of a Delta table; name the table's folder, which holds it")


@pytest.mark.parametrize("path", ["_delta_log/t", "a_delta_log", "_delta_logs", "t/_delta_log.d"])
def test_a_path_may_look_like_a_tables_log(path: str) -> None:
    assert names.table_path(path) == path


@pytest.mark.parametrize("character", REFUSED_IN_PATHS)
def test_a_path_refuses_what_sql_and_jobs_read_otherwise(character: str) -> None:
    for path in (f"a{character}b", f"t/{character}", f"{character}/t"):
        with pytest.raises(InvalidNameError) as raised:
            names.table_path(path)
        assert str(raised.value) == f"path {path!r} holds {character!r}; use a path without it"


def test_a_path_is_no_longer_than_an_object_key() -> None:
    assert names.table_path("ü" * 512)
    with pytest.raises(InvalidNameError, match=r"has 1026 bytes"):
        names.table_path("ü" * 513)


@given(any_text)
@example("a/" * 200)
def test_an_accepted_path_is_safe(value: str) -> None:
    try:
        path = names.table_path(value)
    except InvalidNameError:
        return
    assert not UNSAFE.search(path)
    assert not {"", ".", ".."} & set(path.split("/"))
    assert names.table_path(path) == path
    path.encode()


# Storage locations


@pytest.mark.parametrize(
    ("location", "base"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/exports/", "s3://bucket/exports"),
        ("abfss://container@account.dfs.core.windows.net/exports", None),
        ("gs://bucket/a-b_c/d", None),
        ("S3A://bucket/x", None),
        ("file:/data/exports", "file:///data/exports"),
        ("file:///data/exports/", "file:///data/exports"),
    ],
)
def test_a_base_location_is_a_uri_without_a_trailing_slash(location: str, base: str | None) -> None:
    assert names.target_base(location) == (base or location)


@pytest.mark.parametrize("location", ["/Volumes/main/x/y", "/Volumes", "dbfs:/Volumes/main/x/y"])
def test_a_volume_is_refused_with_the_reason(location: str) -> None:
    with pytest.raises(SettingsError, match=r"is a volume, and Unity Catalog registers no table inside a volume; use "):
        names.target_base(location)


@pytest.mark.parametrize(
    "location", ["", "exports", "/mnt/exports", "bucket/exports", "s3", "s3:", "s3:bucket", "1s3://b"]
)
def test_a_base_location_that_is_no_uri_is_refused(location: str) -> None:
    with pytest.raises(SettingsError) as raised:
        names.target_base(location)
    assert str(raised.value) == (
        f"target_base_location {location!r} is no storage URI; "
        "use one with a scheme, such as abfss://..., s3://bucket/..., gs://bucket/... or file:/..."
    )


@pytest.mark.parametrize("location", ["s3://", "s3:///exports", "s3:/bucket/exports", "dbfs:/exports", "gs:////"])
def test_a_base_location_names_its_bucket(location: str) -> None:
    with pytest.raises(SettingsError, match=r"names no bucket or container; put it after '://'"):
        names.target_base(location)


@pytest.mark.parametrize("character", REFUSED_IN_LOCATIONS)
def test_a_base_location_refuses_what_sql_reads_otherwise(character: str) -> None:
    for location in (f"s3://bucket/a{character}b", f"s3://bucket/a{character}", f"s3://b{character}/a"):
        with pytest.raises(SettingsError, match=r"^target_base_location "):
            names.target_base(location)


@pytest.mark.parametrize("location", ["file:/", "file:///", "FILE://"])
def test_the_root_of_all_files_is_no_target(location: str) -> None:
    with pytest.raises(SettingsError, match="is the root of all files; name a folder"):
        names.target_base(location)


@pytest.mark.parametrize("location", ["s3://bucket/../x", "s3://bucket/a/..", "s3://bucket/./a", "file:/a/../b"])
def test_a_base_location_has_no_relative_segments(location: str) -> None:
    with pytest.raises(SettingsError, match=r"has a '.' or '..' segment; write the path out"):
        names.target_base(location)


@given(st.one_of(any_text, st.text("/:.{}'abs3", max_size=20), any_text.map("s3://bucket/".__add__)))
def test_an_accepted_base_location_is_safe(value: str) -> None:
    try:
        base = names.target_base(value)
    except SettingsError:
        return
    assert not UNSAFE.search(base)
    assert not base.endswith("/")
    assert ":" in base


def test_source_and_target_paths() -> None:
    source = names.source_path(repository="shop", commit_id="c1", path="tables/t-1")
    assert source == "s3a://shop/c1/tables/t-1"
    target = names.target_path(target_base_location="s3://bucket/exports", branch="Feature-X", table="t_1")
    assert target == "s3://bucket/exports/Feature-X/t_1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/x", "s3a://b/x"),
        ("s3n://b/x/", "S3://b/x"),
        ("file:/data/x", "file:///data/x/"),
        ("abfss://c@a/x", "abfss://c@a/x"),
        ("file:/", "file:///"),
    ],
)
def test_spellings_of_one_location_are_the_same(one: str, other: str) -> None:
    assert names.same_location(one, other)
    assert names.same_location(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/x", "s3://b/X"),
        ("s3://b/x", "gs://b/x"),
        ("s3://b/x", "s3://b/x/y"),
        ("s3://b/x", "s3://b2/x"),
        ("s3://b/x", ""),
        ("abfss://c@a/x", "wasbs://c@a/x"),
        ("file:/data/x", "s3://data/x"),
    ],
)
def test_other_locations_are_not_the_same(one: str, other: str) -> None:
    assert not names.same_location(one, other)


# Job parameters


@pytest.mark.parametrize("repository", ["shop", "a12", "0-a", "a" * 63])
def test_repositories_as_lakefs_names_them(repository: str) -> None:
    assert names.check_repository(repository) == repository


@pytest.mark.parametrize(
    "repository", ["ab", "a" * 64, "Shop", "-shop", "shop/x", "shop'", "shöp", "shop\n", "a_b", "a.b"]
)
def test_other_repositories_are_refused(repository: str) -> None:
    with pytest.raises(SettingsError) as raised:
        names.check_repository(repository)
    assert str(raised.value).startswith(f"job parameter repository is {repository!r}; lakeFS names are lower-case")


# Measured with java.net.URI and the S3A client of Hadoop 3.4.1: see tests/spark/test_names_on_spark.py.
UNREADABLE = ["ab-", "a--", "12-", "a-b-", "a" * 62 + "-", "data--x-s3", "data--use1-az4--x-s3", "o" * 43 + "--op-s3"]
READABLE = ["abc", "a-b", "a--b", "123", "000", "127", "0x1", "1-a", "a-1", "xn--a", "s3a", "all"]
NEARLY = ["x-s3", "a-x-s3", "a--x-s3a", "op-s3", "data--op-s3", "o" * 42 + "--op-s3", "data--ol-s3", "data-s3alias"]


@pytest.mark.parametrize("repository", [*READABLE, *NEARLY])
def test_repositories_that_spark_can_read(repository: str) -> None:
    assert names.check_readable(names.check_repository(repository)) == repository
    assert names.unreadable_repository(repository) == ""


@pytest.mark.parametrize("repository", UNREADABLE)
def test_repositories_that_lakefs_takes_and_spark_cannot_read(repository: str) -> None:
    assert names.check_repository(repository) == repository
    with pytest.raises(SettingsError) as raised:
        names.check_readable(repository)
    end = next(end for end in ("--x-s3", "--op-s3", "-") if repository.endswith(end))
    assert str(raised.value).startswith(f"repository {repository!r} cannot be exported, for its name ends in {end!r}, ")
    assert str(raised.value).endswith("; export from a repository with another name")


@pytest.mark.parametrize("branch", ["main", "feature-x", "_x", "A1", "x" * 300])
def test_branches_as_lakefs_names_them(branch: str) -> None:
    assert names.check_branch(branch) == branch


@pytest.mark.parametrize("branch", ["-x", "a/b", "a.b", "a b", "a'b", 'a"b', "a`b", "ä", "main\n", "{{x}}", "a\\b"])
def test_other_branches_are_refused(branch: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"job parameter branch is {branch!r}; lakeFS names are letters")):
        names.check_branch(branch)


def test_empty_parameters_are_refused_and_named() -> None:
    with pytest.raises(SettingsError, match=r"^job parameter repository is empty; run the job with repository set$"):
        names.check_repository("")
    with pytest.raises(SettingsError, match=r"^job parameter branch is empty"):
        names.check_branch("")


@pytest.mark.parametrize("commit_id", ["", "abcdef", "0" * 64])
def test_commit_ids_are_hexadecimal_or_empty(commit_id: str) -> None:
    assert names.check_commit_id(commit_id) == commit_id


@pytest.mark.parametrize("commit_id", ["abcde", "0" * 65, "ABCDEF", "main~1", "abcdef'", "abcdef\n", "\u0661" * 8])
def test_other_commit_ids_are_refused(commit_id: str) -> None:
    with pytest.raises(SettingsError, match=r"^job parameter commit_id is "):
        names.check_commit_id(commit_id)


def test_a_refused_parameter_is_quoted_in_part_when_it_is_long() -> None:
    with pytest.raises(SettingsError) as raised:
        names.check_branch("/" * 5000)
    assert len(str(raised.value)) < 200


def test_a_choice_is_one_of_those_named() -> None:
    assert names.check_choice("mode", "full", ("changed", "full")) == "full"
    with pytest.raises(SettingsError, match=r"^job parameter mode is 'Full'; use one of changed, full$"):
        names.check_choice("mode", "Full", ("changed", "full"))


@given(any_text)
def test_parameters_are_taken_as_they_are_or_refused(value: str) -> None:
    for check in (names.check_repository, names.check_branch, names.check_commit_id):
        try:
            accepted = check(value)
        except SettingsError:
            continue
        assert accepted == value
        assert re.fullmatch(r"[\w-]*", value, re.ASCII)
