"""Benchmarks: measurements that are not tests."""
