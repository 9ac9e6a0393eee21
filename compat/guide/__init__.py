"""Runs what the guide tells people to run: the pages' fenced blocks, one after the other."""
