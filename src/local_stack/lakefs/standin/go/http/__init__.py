"""HTTP as the client of `net/http` speaks it."""
