"""The modules that Lua scripts of a lakeFS server may require."""
