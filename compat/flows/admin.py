"""Every method of a client's administration interface: what the broker serves, and what it must refuse at once.

The list of methods and what is expected of each stands with the client, because it is made of the client's own
types; the client proves that none is missing.
"""


def admin(ctx):
    """One check a method."""
    if ctx.has("admin-all"):
        # A real Kafka serves everything, so nothing can be expected to be refused there.
        complete = ctx.broker == "kafka"
        for row, method, problem in ctx.adapter.admin_calls(ctx.topic("admin."), complete):
            ctx.check(row, problem is None, f"{method}: {problem}")
    return
    yield
