"""What it says of a clone method that a reader reads its rows, or does not. Of every reader but the cluster."""

from lakefs_unity_export.checks.model import Claim, Outcome, not_tried, passed, problem
from lakefs_unity_export.clones.methods import CloneMethod

LOCATION_GRANTS = "do what the line external_location_grants says"
_OTHERWISE = "nothing has to be done where only clusters read; else set the bundle variable clone_method to"
_HOW_TO_READ = {
    CloneMethod.SHALLOW: f"{_OTHERWISE} the one that is recommended for warehouses at the report's end, and deploy",
    CloneMethod.STORAGE: (
        "make an external location over lakeFS's storage namespace, and grant READ FILES on it to who reads; or set "
        "the bundle variable clone_method to deep, and deploy"
    ),
    CloneMethod.DEEP: LOCATION_GRANTS,
}


def read(method: CloneMethod, *, has_rows: bool, by: str) -> Outcome:
    """The reader answered: with a row, or without any, which settles nothing."""
    if not has_rows:
        return not_tried("the table has no rows")
    is_shallow = method is CloneMethod.SHALLOW
    return passed(f"{by} reads its rows", claim=Claim.REFUTED if is_shallow else Claim.CONFIRMED)


def unread(method: CloneMethod, error: Exception, told: str) -> Outcome:
    """The reader refused. told: the error's words."""
    if is_of_grants(error):
        return problem(f"it may not be read: {told}", _HOW_TO_READ[method])
    claim = Claim.CONFIRMED if method is CloneMethod.SHALLOW else Claim.OPEN
    return problem(f"it cannot be read: {told}", _HOW_TO_READ[method], claim=claim)


def is_of_grants(error: Exception) -> bool:
    """Whether the statement was refused for want of a privilege, and says nothing of what can be read there."""
    return "PERMISSION" in str(error).upper()
