"""What every client is put through, written once against `flows.adapter.Adapter`."""
