"""Delta tables, what a clone says of itself, and why a clone failed.

The rooms that read clones know nothing else of Delta; Spark is imported only where it is used. For tasks and servers.
"""
