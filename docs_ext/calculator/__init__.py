"""What a model and its optimizer cost: the arithmetic, the form on the page, and its script."""
