"""Jobs, their runs and their tasks: settings checked, references filled in, order, attempts, repairs."""
