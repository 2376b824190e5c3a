"""How lakeFS's API and the workspace's secrets are reached with what every runtime has, without the SDKs.

For the task that clones, whose cluster installs the wheel alone, and for `servers`, which builds on it.
"""
