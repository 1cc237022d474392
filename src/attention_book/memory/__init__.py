"""Memory: one store is asked several times."""
