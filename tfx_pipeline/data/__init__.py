"""Where the images come from: data sources, the IDX format and the cache of verified files."""
