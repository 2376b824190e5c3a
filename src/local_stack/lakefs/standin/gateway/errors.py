"""Refusals of the S3 gateway, with the words of a lakeFS server."""

# Codes, statuses and messages as a lakeFS 1.84 server gives them (fixtures/lakefs_server_recorded.json).
RECORDED = {
    "AccessDenied": (403, "Access Denied."),
    "BadRequest": (400, "400 BadRequest"),
    "BucketAlreadyExists": (
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again.",
    ),
    "ERRLakeFSNotSupported": (405, "This operation is not supported in LakeFS"),
    "ErrWriteToProtectedBranch": (403, "Attempted to write to a protected branch"),
    "InternalError": (500, "We encountered an internal error, please try again."),
    "InvalidArgument": (400, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey."),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "The request is invalid."),
    "MissingFields": (400, "Missing fields in request."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchVersion": (
        404,
        "Indicates that the version ID specified in the request does not match an existing version.",
    ),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    ),
}
# Refusals that no recording shows: the codes and statuses that Amazon documents ("Error responses", S3 API reference).
DOCUMENTED = {
    "EntityTooSmall": 400,
    "IncompleteBody": 400,
    "InvalidPart": 400,
    "InvalidPartOrder": 400,
    "RequestTimeTooSkewed": 403,
}


class S3Error(Exception):
    """A request that is answered with an S3 error.

    Parameters: the code; the message, where it is not the recorded one; `bare` for the refusals that name neither
    bucket nor key; `region`, False for those that name no region either.
    """

    def __init__(self, code: str, message: str = "", *, bare: bool = False, region: bool = True) -> None:
        self.status, recorded = RECORDED[code] if code in RECORDED else (DOCUMENTED[code], "")
        self.code = code
        self.message = message or recorded
        self.bare = bare
        self.region = region
        super().__init__(self.message)


def not_known(what: str) -> S3Error:
    """The refusal of what lakeFS may offer and nothing of ours uses: better none than a guess."""
    return S3Error("NotImplemented", f"The stand-in refuses this, for what lakeFS does is not recorded: {what}.")
