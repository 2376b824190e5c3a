"""lakeFS and the workspace, spoken to through their SDKs.

Answers as `ports` says, and raises this package's errors. For entry points, which hand it to the rooms that decide.
"""
