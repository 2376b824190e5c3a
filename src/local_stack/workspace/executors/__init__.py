"""What runs a task: the cluster, the warehouse, or a process for a wheel."""
