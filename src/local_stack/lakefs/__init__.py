"""The lakeFS of the local stack: a configured server, a `lakefs` binary, or the stand-in."""
