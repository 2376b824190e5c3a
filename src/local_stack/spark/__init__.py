"""Spark in a process of its own, for the cluster and for the warehouse."""
