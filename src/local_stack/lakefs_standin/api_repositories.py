"""REST routes of the server itself and of its repositories."""

from typing import Any

from starlette.responses import Response

from local_stack.lakefs_standin.api_call import ApiCall, Endpoint, answer, empty, page_by_name
from local_stack.lakefs_standin.api_versions import REPOSITORY
from local_stack.lakefs_standin.repository import Repository
from local_stack.lakefs_standin.store import USER_NAME

# The release whose observed behaviour the stand-in follows.
VERSION = {"version": "1.84.0-stand-in", "version_context": "lakeFS stand-in", "upgrade_recommended": False}
STORAGE = {
    "blockstore_type": "local",
    "blockstore_namespace_example": "local://example-repository",
    "blockstore_namespace_ValidityRegex": "^(local|mem|s3|gs|https?)://",
    "pre_sign_support": False,
    "pre_sign_support_ui": False,
    "import_support": False,
    "import_validity_regex": "^local://",
}


def _describe(repository: Repository) -> dict[str, Any]:
    return {
        "id": repository.name,
        "creation_date": repository.created,
        "default_branch": repository.default_branch,
        "storage_namespace": repository.storage_namespace,
        "read_only": False,
    }


def _health(_call: ApiCall) -> Response:
    return empty()


def _config(_call: ApiCall) -> Response:
    return answer({"version_config": VERSION, "storage_config": STORAGE, "capabilities_config": {"async_ops": False}})


def _version(_call: ApiCall) -> Response:
    return answer(VERSION)


def _storage(_call: ApiCall) -> Response:
    return answer(STORAGE)


def _user(_call: ApiCall) -> Response:
    return answer({"user": {"id": USER_NAME, "creation_date": 0, "friendly_name": USER_NAME}})


def _list(call: ApiCall) -> Response:
    return page_by_name(call, {name: _describe(one) for name, one in call.store.repositories().items()})


def _create(call: ApiCall) -> Response:
    fields = call.json(name=str, storage_namespace=str)
    repository = call.store.create_repository(
        fields["name"], fields["storage_namespace"], fields.get("default_branch") or "main"
    )
    return answer(_describe(repository), 201)


def _get(call: ApiCall) -> Response:
    return answer(_describe(call.repository))


def _delete(call: ApiCall) -> Response:
    call.store.delete_repository(call.path("repository"))
    return empty()


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/healthcheck"): _health,
    ("GET", "/config"): _config,
    ("GET", "/config/version"): _version,
    ("GET", "/config/storage"): _storage,
    ("GET", "/user"): _user,
    ("GET", "/repositories"): _list,
    ("POST", "/repositories"): _create,
    ("GET", REPOSITORY): _get,
    ("DELETE", REPOSITORY): _delete,
}
