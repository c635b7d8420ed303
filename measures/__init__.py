"""The ground floor: measures over numpy arrays."""
