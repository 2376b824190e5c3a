"""The Lua of hooks: go-lua's words and limits around Lua 5.2, and the modules that a lakeFS server has."""
