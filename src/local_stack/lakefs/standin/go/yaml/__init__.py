"""YAML as `yaml.v3` reads it: nodes, scalars, types, and the values that come of them."""
