"""What surrounds the clients: installing them, starting brokers, running them side by side, the table."""
