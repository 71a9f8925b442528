"""Search: what a page's entry in the index says, and when a browser loads engine and index."""
