"""Each optimizer as code of several frameworks: files, links to them, a script that shows them."""
