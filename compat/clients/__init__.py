"""The clients under test, one folder each."""
