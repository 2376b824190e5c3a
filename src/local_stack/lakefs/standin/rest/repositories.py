"""REST routes of the server itself and of its repositories."""

import hashlib
from typing import Any

from starlette.responses import Response

from local_stack.lakefs.standin.errors import bad_request, not_in_the_stand_in
from local_stack.lakefs.standin.rest.call import ApiCall, Endpoint, answer, empty, page_by_name
from local_stack.lakefs.standin.rest.versions import REPOSITORY
from local_stack.lakefs.standin.versions.repository import Repository
from local_stack.lakefs.standin.versions.store import USER_NAME

# The release whose recorded behaviour the stand-in follows.
VERSION = {"version": "1.84.0", "version_context": "lakeFS"}
STORAGE = {
    "blockstore_type": "local",
    "blockstore_namespace_example": "local://example-repository",
    "pre_sign_support": False,
    "pre_sign_support_ui": False,
    "import_support": False,
}
SETUP = {
    "state": "initialized",
    "comm_prefs_missing": False,
    "login_config": {
        "RBAC": "none",
        "login_url": "",
        "login_url_method": "none",
        "login_failed_message": "The credentials don't match.",
        "login_cookie_names": ["internal_auth_session"],
        "logout_url": "",
    },
}


def _describe(repository: Repository) -> dict[str, Any]:
    return {
        "id": repository.name,
        "creation_date": repository.created,
        "default_branch": repository.default_branch,
        "storage_id": "",
        "storage_namespace": repository.storage_namespace,
        "read_only": False,
    }


def _health(_call: ApiCall) -> Response:
    return empty()


def _config(call: ApiCall) -> Response:
    storage = _storage_config(call)
    return answer({"version_config": VERSION, "storage_config": storage, "capabilities_config": {"async_ops": False}})


def _version(_call: ApiCall) -> Response:
    return answer(VERSION)


def _storage(call: ApiCall) -> Response:
    return answer(_storage_config(call))


def _storage_config(call: ApiCall) -> dict[str, Any]:
    pattern = _namespace_pattern(call)
    return {**STORAGE, "blockstore_namespace_ValidityRegex": pattern, "import_validity_regex": pattern}


def _namespace_pattern(call: ApiCall) -> str:
    schemes = call.store.blobs.schemes
    return f"^{schemes[0]}://" if len(schemes) == 1 else f"^({'|'.join(schemes)})://"


def _user(_call: ApiCall) -> Response:
    return answer({"user": {"id": USER_NAME, "creation_date": 0, "friendly_name": USER_NAME}})


def _list(call: ApiCall) -> Response:
    return page_by_name(call, {name: _describe(one) for name, one in call.store.repositories().items()})


def _create(call: ApiCall) -> Response:
    fields = call.fields("RepositoryCreation")
    for name in ("read_only", "sample_data", "storage_id"):
        if fields.get(name):
            raise not_in_the_stand_in(f"a repository with {name}")
    scheme, separator, _ = fields["storage_namespace"].partition("://")
    if not separator or scheme not in call.store.blobs.schemes:
        raise bad_request(f"failed to match required regex {_namespace_pattern(call)}: invalid namespace")
    repository = call.store.create_repository(
        fields["name"], fields["storage_namespace"], fields.get("default_branch") or "main"
    )
    return answer(_describe(repository), 201)


def _get(call: ApiCall) -> Response:
    return answer(_describe(call.repository))


def _delete(call: ApiCall) -> Response:
    call.store.delete_repository(call.path("repository"))
    return empty()


def _setup_state(_call: ApiCall) -> Response:
    return answer(SETUP)


def _get_protection(call: ApiCall) -> Response:
    rules = [{"pattern": pattern} for pattern in call.repository.protected]
    response = answer(rules)
    response.headers["ETag"] = hashlib.sha256(response.body).hexdigest()
    return response


def _set_protection(call: ApiCall) -> Response:
    rules = call.fields("BranchProtectionRules")
    if "If-Match" in call.request.headers:
        raise not_in_the_stand_in("If-Match where branches are protected")
    call.repository.protected = [rule["pattern"] for rule in rules]
    return empty()


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/healthcheck"): _health,
    ("GET", "/setup_lakefs"): _setup_state,
    ("GET", "/config"): _config,
    ("GET", "/config/version"): _version,
    ("GET", "/config/storage"): _storage,
    ("GET", "/user"): _user,
    ("GET", "/repositories"): _list,
    ("POST", "/repositories"): _create,
    ("GET", REPOSITORY): _get,
    ("DELETE", REPOSITORY): _delete,
    ("GET", f"{REPOSITORY}/settings/branch_protection"): _get_protection,
    ("PUT", f"{REPOSITORY}/settings/branch_protection"): _set_protection,
}
