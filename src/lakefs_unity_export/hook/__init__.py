"""What is put into a lakeFS repository: the action files and scripts, and the command that commits them.

`install_hook` is the entry point; the other modules are for it alone.
"""

try:
    import lakefs  # noqa: F401
    import pydantic  # noqa: F401
    import yaml  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        f"install_hook needs {missing.name}: install the wheel with its extra, lakefs-unity-export[hook]"
    ) from missing
