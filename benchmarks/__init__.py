"""Scripts that make the measured tables."""
