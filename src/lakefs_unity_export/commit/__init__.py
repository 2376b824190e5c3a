"""What a lakeFS commit holds, table descriptors and tables, and what it changed.

Reads through the port of lakeFS alone. For the export, for what is put into repositories, and for the webhook's gate.
"""
