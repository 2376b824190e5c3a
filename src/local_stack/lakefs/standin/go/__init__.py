"""What Go's libraries do, and say where they fail: a lakeFS server shows it to scripts and users as it is."""
