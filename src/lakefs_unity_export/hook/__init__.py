"""What is put into a lakeFS repository: the action files and scripts, and the command that commits them.

`install_hook` is the entry point. `files` and `action_folders` need nothing of its extra: `check_setup` reads them too.
"""
