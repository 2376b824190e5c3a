"""Files, notebooks and directories, and secrets, through the SDK."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors.platform import BadRequest, InvalidParameterValue, ResourceAlreadyExists
from databricks.sdk.service.workspace import AclPermission, ImportFormat, Language, ObjectType
from workspace_doubles import LocalWorkspace, running_workspace

NOTEBOOK = b"# Databricks notebook source\nprint(1)\n"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalWorkspace]:
    with running_workspace(tmp_path / "workspace") as running:
        yield running


def import_file(local: LocalWorkspace, path: str, content: bytes, *, overwrite: bool = False) -> httpx.Response:
    return httpx.post(
        f"{local.workspace.url}/api/2.0/workspace-files/import-file/{path.lstrip('/')}?overwrite={overwrite}",
        content=content,
        headers={"Authorization": f"Bearer {local.workspace.token}"},
        trust_env=False,
    )


def test_a_file_is_imported_into_a_directory_that_exists(local: LocalWorkspace) -> None:
    path = f"{local.home}/a/b.txt"
    missing = import_file(local, path, b"x")
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    local.client.workspace.mkdirs(f"/Workspace{local.home}/a")
    assert import_file(local, path, b"x").status_code == 200
    assert import_file(local, path, b"y").status_code == 409
    assert import_file(local, "/Workspace" + path, b"y", overwrite=True).status_code == 200
    assert local.client.workspace.download(path).read() == b"y"
    status = local.client.workspace.get_status(path)
    assert (status.path, status.object_type, status.size) == (path, ObjectType.FILE, 1)


def test_a_python_file_with_the_header_becomes_a_notebook_without_suffix(local: LocalWorkspace) -> None:
    import_file(local, f"{local.home}/clone.py", NOTEBOOK)
    import_file(local, f"{local.home}/module.py", b"print(1)\n")
    listed = {one.path: one.object_type for one in local.client.workspace.list(local.home)}
    assert listed == {f"{local.home}/clone": ObjectType.NOTEBOOK, f"{local.home}/module.py": ObjectType.FILE}
    assert local.client.workspace.get_status(f"{local.home}/clone").language == Language.PYTHON
    with pytest.raises(NotFound):
        local.client.workspace.get_status(f"{local.home}/clone.py")


def test_the_sdk_uploads_and_downloads_any_bytes(local: LocalWorkspace) -> None:
    content = bytes(range(256)) + b"\r\n\n\r"
    local.client.workspace.upload(f"{local.home}/any.bin", io.BytesIO(content), format=ImportFormat.AUTO)
    assert local.client.workspace.download(f"{local.home}/any.bin").read() == content
    local.client.workspace.upload(f"{local.home}/nb", io.BytesIO(b"print(2)"), language=Language.PYTHON)
    assert local.client.workspace.get_status(f"{local.home}/nb").object_type == ObjectType.NOTEBOOK


def test_deleting(local: LocalWorkspace) -> None:
    local.client.workspace.mkdirs(f"{local.home}/a/b")
    with pytest.raises(BadRequest, match="is not empty"):
        local.client.workspace.delete(f"{local.home}/a")
    local.client.workspace.delete(f"{local.home}/a", recursive=True)
    with pytest.raises(NotFound, match="doesn't exist"):
        local.client.workspace.delete(f"{local.home}/a")
    import_file(local, f"{local.home}/file", b"x")
    with pytest.raises(ResourceAlreadyExists, match="is no directory"):
        local.client.workspace.mkdirs(f"{local.home}/file/below")


@pytest.mark.parametrize(
    "path", ["/Users/../../etc/passwd", "/Users/./x", "Users/x", "/Workspace/../x", "/a\\..\\b", "/a\0b"]
)
def test_paths_that_lead_elsewhere_are_refused(local: LocalWorkspace, path: str) -> None:
    with pytest.raises(InvalidParameterValue, match="must be absolute"):
        local.client.workspace.get_status(path)


def test_encoded_paths_that_lead_elsewhere_are_refused(local: LocalWorkspace, tmp_path: Path) -> None:
    answer = import_file(local, "/Users%2F..%2F..%2F..%2Foutside.txt", b"x")
    assert answer.status_code == 400
    assert not list(tmp_path.rglob("outside.txt"))


def test_links_out_of_the_workspace_are_refused(local: LocalWorkspace, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "workspace/files/Users/link").symlink_to(tmp_path)
    with pytest.raises(InvalidParameterValue, match="leads out of the workspace"):
        local.client.workspace.download("/Users/link/outside.txt")


def test_others_have_only_their_own_home(local: LocalWorkspace) -> None:
    import_file(local, f"{local.home}/mine.txt", b"x")
    other = local.client_of(local.workspace.create_principal("other@local.invalid", kind="user"))
    other.workspace.mkdirs("/Users/other@local.invalid/a")
    for path in (f"{local.home}/mine.txt", "/Users/other@local.invalid2"):
        with pytest.raises(PermissionDenied):
            other.workspace.get_status(path)
    folder = str(local.client.workspace.get_status(local.home).object_id)
    local.client.api_client.do(
        "PATCH",
        f"/api/2.0/permissions/directories/{folder}",
        body={"access_control_list": [{"user_name": "other@local.invalid", "permission_level": "CAN_READ"}]},
    )
    assert other.workspace.download(f"{local.home}/mine.txt").read() == b"x"
    with pytest.raises(PermissionDenied, match="CAN_EDIT"):
        other.workspace.delete(f"{local.home}/mine.txt")


def test_secrets_are_stored_read_and_listed_without_values(local: LocalWorkspace) -> None:
    secrets = local.client.secrets
    secrets.create_scope("scope")
    secrets.put_secret("scope", "text", string_value="välue")
    secrets.put_secret("scope", "bytes", bytes_value="AP8=")
    assert secrets.get_secret("scope", "bytes").value == "AP8="
    assert local.client.dbutils.secrets.get("scope", "text") == "välue"
    assert [one.key for one in secrets.list_secrets("scope")] == ["bytes", "text"]
    assert [one.name for one in secrets.list_scopes()] == ["scope"]
    secrets.delete_secret("scope", "bytes")
    with pytest.raises(NotFound):
        secrets.get_secret("scope", "bytes")
    with pytest.raises(ResourceAlreadyExists, match="already exists"):
        secrets.create_scope("scope")
    secrets.delete_scope("scope")
    with pytest.raises(NotFound, match="Scope scope does not exist"):
        secrets.put_secret("scope", "text", string_value="x")


def test_a_secret_needs_read_on_its_scope(local: LocalWorkspace) -> None:
    local.client.secrets.create_scope("scope")
    local.client.secrets.put_secret("scope", "key", string_value="v")
    other = local.client_of(local.workspace.create_principal("app", kind="service_principal"))
    with pytest.raises(PermissionDenied, match="READ permission on scope scope"):
        other.secrets.get_secret("scope", "key")
    local.client.secrets.put_acl("scope", "app", AclPermission.READ)
    assert other.secrets.get_secret("scope", "key").value == "dg=="
    with pytest.raises(PermissionDenied):
        other.secrets.put_secret("scope", "key", string_value="w")
    assert {one.principal: one.permission for one in local.client.secrets.list_acls("scope")} == {
        local.workspace.owner: AclPermission.MANAGE,
        "app": AclPermission.READ,
    }
    local.client.secrets.delete_acl("scope", "app")
    with pytest.raises(PermissionDenied):
        other.secrets.get_secret("scope", "key")
