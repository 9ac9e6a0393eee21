"""The crash test: load, kills, and the history that tells whether anything acknowledged was lost."""
