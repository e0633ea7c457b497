"""Where pushed models live: numeric versions in a directory or in a bucket of an object store."""
