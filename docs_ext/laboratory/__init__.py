"""The laboratory: its losses, the form on the page, and the scripts that run in the browser."""
