"""The forms in which people have images: each is found in a folder and given as IDX files."""
