"""The REST API of the workspace: one module for each of its APIs, and the application around them."""
