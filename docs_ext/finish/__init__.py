"""What is done to pages and to the site once they are rendered."""
