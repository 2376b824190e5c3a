"""What is put into a lakeFS repository: the action files and scripts, and the command that commits them.

`install_hook` is the entry point; the other modules are for it alone.
"""
