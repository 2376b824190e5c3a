"""What Go's libraries do, and say where they fail: a lakeFS server hands it to Lua as it is."""
