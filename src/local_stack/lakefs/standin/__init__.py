"""A stand-in for a lakeFS server: the REST calls and the S3 gateway that exports use, with the server's semantics.

Written from lakeFS's documentation, its published SDK and observed behaviour; the contract tests run on either.
"""

from local_stack.lakefs.standin.server import LakeFSStandIn

__all__ = ["LakeFSStandIn"]
