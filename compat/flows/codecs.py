"""Every codec with and without idempotence, every kind of record; and the same read by all other clients."""

from flows import batches, records, table


def codecs(ctx):
    """Writes the corpus once per codec and kind of producer, reads it back by assignment, compares."""
    corpus = ctx.corpus()
    for codec in table.CODECS:
        for kind in ("", "-idempotent"):
            row = codec + kind
            if not ctx.has(row):
                continue
            topic = ctx.new_topic(f"codec-{row}")
            ctx.adapter.produce(topic, corpus, 0, codec, bool(kind))
            got = ctx.adapter.read(topic, len(corpus))
            differences = list(records.compare(corpus, got))
            ctx.no_differences(row, row, differences)
            if ctx.has("assign"):
                ctx.equal("assign", f"{row}: records read by assignment", len(got), len(corpus))
            for shape in sorted({shape for record in corpus for shape in record.shapes} | {"timestamps"}):
                if ctx.has(shape):
                    ctx.no_differences(shape, row, (d for d in differences if shape in d[0]))
            sent = batches.headers(ctx.bootstrap, topic)
            if codec == "none":
                ctx.check(row, all(used == "none" for used, _ in sent), f"{row}: compressed all the same: {sent}")
            else:
                # What does not shrink may be sent as it is, so not every batch must be compressed.
                ctx.check(row, any(used == codec for used, _ in sent), f"{row}: no batch carries the codec: {sent}")
                ctx.check(row, all(used in (codec, "none") for used, _ in sent), f"{row}: another codec: {sent}")
            ctx.check(row, all(idempotent == bool(kind) for _, idempotent in sent),
                      f"{row}: idempotent is not what was asked for: {sent}")
            if not kind:
                ctx.shared.setdefault("codec_topics", []).append(topic)
    return
    yield


def interop(ctx):
    """After the restart: what every other client wrote, all codecs."""
    yield
    for peer, topics in sorted(ctx.peers.items()):
        corpus = ctx.adapter.readable(records.corpus(peer, ctx.base_ms))
        if corpus is None:
            continue
        if hasattr(ctx.adapter, "read_mixed"):
            got = ctx.adapter.read_mixed(topics, len(corpus) * len(topics))
            ctx.no_differences("interop", f"written by {peer}", records.compare_any_order(corpus, got, len(topics)))
            continue
        for topic, got in ctx.adapter.read_all(topics, len(corpus)).items():
            ctx.no_differences("interop", f"{topic.split('.', 2)[2]} of {peer}", records.compare(corpus, got))
