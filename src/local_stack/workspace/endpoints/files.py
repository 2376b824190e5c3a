"""The Workspace API: files, notebooks and directories."""

import base64
from typing import Any

from starlette.responses import Response

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints, decoded
from local_stack.workspace.errors import invalid
from local_stack.workspace.files import NOTEBOOK_HEADER, WorkspaceFiles, WorkspaceObject, normalized
from local_stack.workspace.identities.permissions import Permissions
from local_stack.workspace.jobs.runs import now

MAXIMUM_IMPORT_BYTES = 200 * 1024 * 1024


class FileEndpoints:
    """From HTTP to the workspace's files."""

    def __init__(self, files: WorkspaceFiles, permissions: Permissions) -> None:
        self._files = files
        self._permissions = permissions

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint."""
        return {
            ("GET", "/api/2.0/workspace/get-status"): self.get_status,
            ("POST", "/api/2.0/workspace/mkdirs"): self.make_directory,
            ("POST", "/api/2.0/workspace/delete"): self.delete,
            ("GET", "/api/2.0/workspace/list"): self.list,
            ("GET", "/api/2.0/workspace/export"): self.export,
            ("POST", "/api/2.0/workspace/import"): self.import_object,
            ("POST", "/api/2.0/workspace-files/import-file/{path:path}"): self.import_file,
            ("GET", "/api/2.0/workspace-files/{path:path}"): self.download,
        }

    def get_status(self, call: Call) -> Answer:
        """What lies at a path."""
        call.accept("path", "return_git_info", "return_export_info")
        return _body(self._files.get(self._path(call, "CAN_READ")))

    def make_directory(self, call: Call) -> Answer:
        """Make a directory with its parents."""
        call.accept("path")
        self._files.make_directory(self._path(call, "CAN_EDIT"))
        return {}

    def delete(self, call: Call) -> Answer:
        """Delete a file or directory."""
        call.accept("path", "recursive")
        self._files.delete(self._path(call, "CAN_EDIT"), recursive=call.flag("recursive"))
        return {}

    def list(self, call: Call) -> Answer:
        """What lies in a directory."""
        call.accept("path")
        return {"objects": [_body(found) for found in self._files.list(self._path(call, "CAN_READ"))]}

    def export(self, call: Call) -> Answer:
        """A file's or notebook's content, as base64 or as it is."""
        call.accept("path", "format", "direct_download")
        if call.text("format", "SOURCE") not in ("SOURCE", "AUTO"):
            raise invalid(f"The format '{call.text('format')}' is not supported by the local workspace.")
        content = self._files.read(self._path(call, "CAN_READ"))
        if call.flag("direct_download"):
            return Response(content, media_type="application/octet-stream")
        return {"content": base64.b64encode(content).decode(), "file_type": "py"}

    def import_object(self, call: Call) -> Answer:
        """Import a file or notebook from base64, or (as the SDK's upload does) from a form."""
        call.accept("path", "format", "language", "overwrite", "content")
        kind, language = call.text("format", "SOURCE"), call.text("language", "PYTHON")
        if kind not in ("SOURCE", "AUTO", "RAW") or language not in ("PYTHON", "SQL"):
            raise invalid(f"Importing format '{kind}', language '{language}' is not supported by the local workspace.")
        value = call.value("content")
        content = value if isinstance(value, bytes) else decoded(call.text("content", ""))
        path = self._path(call, "CAN_EDIT")
        if kind == "SOURCE":
            # SOURCE always makes a notebook of the path, whatever the content starts with.
            path, content = path.removesuffix(".py") + ".py", _as_notebook(content)
        self._files.write(path, content, overwrite=call.flag("overwrite"))
        return {}

    def import_file(self, call: Call) -> Answer:
        """Import a file from the request's body; a Python file with the header becomes a notebook."""
        if len(call.raw_body) > MAXIMUM_IMPORT_BYTES:
            raise invalid("The file is larger than 200 MB.")
        path = self._checked("/" + call.path_parameters["path"], call, "CAN_EDIT")
        self._files.write(path, call.raw_body, overwrite=call.flag("overwrite"))
        return {}

    def download(self, call: Call) -> Answer:
        """A file's content."""
        path = self._checked("/" + call.path_parameters["path"], call, "CAN_READ")
        return Response(self._files.read(path), media_type="application/octet-stream")

    def _path(self, call: Call, needed: str) -> str:
        return self._checked(call.text("path"), call, needed)

    def _checked(self, path: str, call: Call, needed: str) -> str:
        clean = normalized(path.replace("//", "/"))
        self._permissions.require_path(call.principal, clean, needed)
        return clean


def _as_notebook(content: bytes) -> bytes:
    return content if content.startswith(NOTEBOOK_HEADER) else NOTEBOOK_HEADER + b"\n" + content


def _body(found: WorkspaceObject) -> dict[str, Any]:
    body: dict[str, Any] = {
        "path": found.path,
        "object_type": found.kind,
        "object_id": found.id,
        "resource_id": str(found.id),
    }
    if found.kind != "DIRECTORY":
        status = found.disk.stat()
        body.update(
            size=status.st_size, created_at=int(status.st_ctime * 1000), modified_at=int(status.st_mtime * 1000)
        )
    else:
        body["modified_at"] = now()
    if found.kind == "NOTEBOOK":
        body["language"] = "PYTHON"
    return body
