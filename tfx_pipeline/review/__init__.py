"""What people review of an evaluation: read once into plain data, shown by one writer for each place."""
