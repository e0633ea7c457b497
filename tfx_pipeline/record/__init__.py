"""What a run leaves, on its artifacts and beside them, for the steps after it, for programs and for people."""
