"""The errors of an export, named by cause. Each message says what is wrong, where, and what to do."""


class ExportError(Exception):
    """An export cannot go on, or part of it could not be done."""


class SettingsError(ExportError):
    """A job parameter or a bundle variable has a value that cannot be used."""


class InvalidNameError(ExportError):
    """A name or a path breaks the rules of Unity Catalog, of the storage, or ours."""


class InvalidDescriptorsError(ExportError):
    """Table descriptors that cannot be exported; the message lists every one with file and field."""


class InvalidEventError(ExportError):
    """What was sent as an event of lakeFS is not one, or not a whole one."""


class NameTakenError(ExportError):
    """A name in Unity Catalog belongs to something that this export did not make."""


class WatermarkConflictError(ExportError):
    """A schema already follows another branch of the same repository."""


class IncompleteExportError(ExportError):
    """Tasks of the run, or of an earlier page, failed, so that the commit is not wholly exported."""


class ReconcileError(ExportError):
    """Repositories or branches that the job reconcile could not look at, or start a run for."""


class SetupCheckError(ExportError):
    """The job check_setup found something for which exports would fail."""


class HookError(ExportError):
    """A hook cannot be installed in a lakeFS repository, or removed from it."""


class LakeFSError(ExportError):
    """lakeFS answered with an error, or did not answer."""


class LakeFSNotFoundError(LakeFSError):
    """lakeFS does not know the repository, branch, commit or object (404)."""


class LakeFSGoneError(LakeFSError):
    """The object's data was removed by lakeFS garbage collection (410)."""


class LakeFSHookError(LakeFSError):
    """lakeFS ran the hooks of a repository, or could not, and so refused what was asked for."""


class LakeFSAccessError(LakeFSError):
    """lakeFS refused the credentials (401), or what they may do (403)."""


class LakeFSUnavailableError(LakeFSError):
    """lakeFS was unreachable, too slow, limiting requests (429) or failing (5xx), also after retries."""


class StorageCloneError(ExportError):
    """A clone by the method `storage` could not name every file where lakeFS keeps it."""


class WorkspaceError(ExportError):
    """Databricks answered with an error, or did not answer."""


class WorkspaceAccessError(WorkspaceError):
    """Databricks refused the job's identity (401), or what it may do (403)."""


class WorkspaceNotFoundError(WorkspaceError):
    """Databricks does not know the catalog, schema, secret or other thing asked for (404)."""


class WorkspaceUnavailableError(WorkspaceError):
    """Databricks was unreachable, limiting requests (429) or failing (5xx), also after retries."""
