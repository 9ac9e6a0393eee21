"""Creates the topics of `flows.crowd` on a broker: `fill.py HOST:PORT`, with the virtual environment's Python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows import crowd  # noqa: E402

SECONDS_MAX = 120
AT_ONCE = 500


def main():
    """A few hundred a request, as a person's script would."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": sys.argv[1]})
    names = crowd.names()
    for at in range(0, len(names), AT_ONCE):
        wanted = [NewTopic(name, 1, 1) for name in names[at:at + AT_ONCE]]
        for created in admin.create_topics(wanted, operation_timeout=SECONDS_MAX,
                                           request_timeout=SECONDS_MAX).values():
            created.result(SECONDS_MAX)


if __name__ == "__main__":
    main()
