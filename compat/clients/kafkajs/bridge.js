'use strict'
// kafkajs driven by the lines that `compat/clients/bridge.py` describes. Owns: producers, consumers, codecs that
// kafkajs takes from plug-ins. Does not compare anything: what is read goes out as it came, in base64.

const fs = require('fs')
const readline = require('readline')
const { createRequire } = require('module')

const from = createRequire(process.argv[2] + '/package.json')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = from('kafkajs')

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}
const CALL_MS_MAX = 115000
const PUMP_PAUSE_MS = 10
const LINES_PER_SEND = 5000

const base64 = (bytes) => (bytes === null || bytes === undefined ? null : bytes.toString('base64'))
const bytes = (text) => (text === null ? null : Buffer.from(text, 'base64'))

function registerCodecs () {
  CompressionCodecs[CompressionTypes.Snappy] = from('kafkajs-snappy')
  const lz4 = from('lz4-napi')
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async (encoder) => lz4.compressFrameSync(encoder.buffer),
    decompress: async (buffer) => lz4.decompressFrameSync(buffer),
  })
  return new Promise((resolve) => {
    from('zstd-codec').ZstdCodec.run((zstd) => {
      const codec = new zstd.Streaming()
      CompressionCodecs[CompressionTypes.ZSTD] = () => ({
        compress: async (encoder) => Buffer.from(codec.compress(encoder.buffer, 3)),
        decompress: async (buffer) => Buffer.from(codec.decompress(buffer)),
      })
      resolve()
    })
  })
}

const connect = (clientId) => new Kafka({
  clientId,
  brokers: [process.argv[3]],
  logLevel: logLevel.ERROR,
  logCreator: () => ({ label, log }) => process.stderr.write(`${label} ${log.message} ${log.error || ''}\n`),
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 30 },
})
const kafka = connect('walser-compat')
const admin = kafka.admin()
// For questions whose answer is an error that kafkajs would ask for again and again.
const impatient = kafka.admin({ retry: { retries: 1, initialRetryTime: 50 } })
const producers = new Map()
const members = new Map()
const pumps = new Map()
// Member -> its topics, to pause.
const held = new Map()
let serial = 0

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

// The protocol's name of an error, through kafkajs' wrappers for retries and lists.
function codeOf (error) {
  if (error.type && error.type !== 'UNKNOWN') return error.type
  for (const inner of [error.cause, error.originalError, ...(error.errors || []), ...(error.groups || []).map((g) => g.error)]) {
    if (inner) {
      const code = codeOf(inner)
      if (code) return code
    }
  }
  return error.type || `${error.name}: ${error.message}`
}

// kafkajs keeps headers in an object; a name used twice has a list.
function headersIn (pairs) {
  const headers = {}
  for (const [name, value] of pairs) {
    const one = bytes(value)
    headers[name] = name in headers ? [].concat(headers[name], [one]) : one
  }
  return headers
}

function headersOut (headers) {
  return Object.entries(headers || {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, base64(one)]))
}

const messageIn = (record, partition) => ({
  key: bytes(record.k),
  value: bytes(record.v),
  headers: headersIn(record.h),
  ...(record.t === null ? {} : { timestamp: String(record.t) }),
  ...(partition === null ? {} : { partition }),
})

const messageOut = (topic, partition, message) => ({
  topic,
  p: partition,
  o: Number(message.offset),
  t: Number(message.timestamp),
  k: base64(message.key),
  v: base64(message.value),
  h: headersOut(message.headers),
})

async function openProducer ({ idempotent, retries }) {
  const producer = kafka.producer({
    idempotent, allowAutoTopicCreation: true, ...(retries === undefined ? {} : { retry: { retries, initialRetryTime: 50 } }),
  })
  await producer.connect()
  return producer
}

const send = (producer, { topic, records, partition, codec }) => producer.send({
  topic,
  compression: CODECS[codec || 'none'],
  acks: -1,
  messages: records.map((record) => messageIn(record, partition)),
})

// Idempotent with one request in flight, as kafkajs wants it: record after record until it is stopped.
async function openPump ({ topic }) {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const pump = { stopping: false, acknowledged: 0 }
  const number = (n) => String(n).padStart(6, '0')
  pump.running = (async () => {
    for (; !pump.stopping; pump.acknowledged++) {
      const at = number(pump.acknowledged)
      await producer.send({ topic, acks: -1, messages: [{ key: `key-${at}`, value: `record number ${at}`, partition: 0 }] })
      await new Promise((go) => setTimeout(go, PUMP_PAUSE_MS))
    }
    await producer.disconnect()
    return pump.acknowledged
  })()
  // Its failure is told when it is stopped, not before.
  pump.running.catch(() => {})
  pumps.set(++serial, pump)
  return serial
}

function stopPump ({ pump }) {
  pumps.get(pump).stopping = true
  return pumps.get(pump).running
}

const newConsumer = (groupId, more = {}, client = kafka) => client.consumer({
  groupId, maxWaitTimeInMs: 100, minBytes: 1, maxBytesPerPartition: 4 << 20, allowAutoTopicCreation: false, ...more,
})

// Reads in a group of one until `count` records came, or the end of the partition did; then `finish`, then leaves.
async function readSome (topic, count, { group, offset, commit, onBatch }) {
  const consumer = newConsumer(group || `${topic}.read-${++serial}`)
  const records = []
  const sought = offset !== undefined && offset !== null
  const seek = () => consumer.seek({ topic, partition: 0, offset: String(offset) })
  let read = 0
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${read} of ${count} records after ${CALL_MS_MAX} ms`)), CALL_MS_MAX)
    const done = (how, value) => { clearTimeout(late); how(value) }
    consumer.on(consumer.events.CRASH, ({ payload }) => { if (!payload.restart) done(reject, payload.error) })
    consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        // A group that had to join twice forgets what was sought before.
        if (sought && batch.messages.length && Number(batch.messages[0].offset) < offset) return seek()
        for (const message of batch.messages) {
          if (read >= count) break
          if (onBatch) onBatch(message)
          else records.push(messageOut(topic, batch.partition, message))
          read += 1
          resolveOffset(message.offset)
        }
        const last = batch.messages[batch.messages.length - 1]
        if (read >= count || (last && Number(last.offset) + 1 >= Number(batch.highWatermark))) done(resolve)
      },
    }).catch((error) => done(reject, error))
    if (sought) seek()
  }).finally(async () => {
    if (commit && records.length) {
      await consumer.commitOffsets([{ topic, partition: 0, offset: String(records[records.length - 1].o + 1) }])
    }
    await consumer.disconnect()
  })
  return records
}

// A member that lives on its own; commits each batch before its heartbeat.
async function openMember ({ group, topics, session, heartbeat, reset, rack, client_id: clientId }) {
  const id = ++serial
  const consumer = newConsumer(group, {
    sessionTimeout: session, heartbeatInterval: heartbeat, rebalanceTimeout: 10000, ...(rack === null ? {} : { rackId: rack }),
  }, clientId === null ? kafka : connect(clientId))
  members.set(id, consumer)
  held.set(id, topics.map((topic) => ({ topic })))
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => say({
    event: 'assigned',
    member: id,
    assigned: Object.entries(payload.memberAssignment).flatMap(([topic, places]) => places.map((p) => [topic, p])),
  }))
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) say({ event: 'error', member: id, code: codeOf(payload.error) })
  })
  await consumer.connect()
  for (const topic of topics) await consumer.subscribe({ topic, fromBeginning: reset === 'earliest' })
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, uncommittedOffsets, commitOffsetsIfNecessary, heartbeat: beat, isStale }) => {
      if (isStale()) return
      for (const message of batch.messages) resolveOffset(message.offset)
      say({ event: 'records', member: id, records: batch.messages.map((m) => messageOut(batch.topic, batch.partition, m)) })
      await commitOffsetsIfNecessary(uncommittedOffsets())
      await beat()
    },
  })
  return id
}

// A member that does not answer for longer than its session, and then commits.
async function fenced ({ group, topic }) {
  const consumer = newConsumer(group, { sessionTimeout: 1000, heartbeatInterval: 300, rebalanceTimeout: 2000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  try {
    await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error('no record for the member to stall on')), CALL_MS_MAX).unref()
      consumer.run({
        autoCommit: false,
        eachMessage: async ({ message }) => {
          await new Promise((go) => setTimeout(go, 3000))
          try {
            await consumer.commitOffsets([{ topic, partition: 0, offset: String(Number(message.offset) + 1) }])
            resolve()
          } catch (error) {
            reject(error)
          }
        },
      }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
}

async function writeLines ({ topic, path, codec }) {
  const producer = await openProducer({ idempotent: false })
  const lines = fs.readFileSync(path).toString('latin1').split('\n')
  if (lines[lines.length - 1] === '') lines.pop()
  for (let at = 0; at < lines.length; at += LINES_PER_SEND) {
    const messages = lines.slice(at, at + LINES_PER_SEND).map((line) => ({ value: Buffer.from(line, 'latin1'), partition: 0 }))
    await producer.send({ topic, messages, compression: CODECS[codec], acks: -1 })
  }
  await producer.disconnect()
}

async function readLines ({ topic, count, path }) {
  const out = fs.createWriteStream(path)
  await readSome(topic, count, { onBatch: (message) => out.write(Buffer.concat([message.value, Buffer.from('\n')])) })
  await new Promise((resolve) => out.end(resolve))
}

async function produce (call) {
  const producer = await openProducer(call)
  try {
    await send(producer, call)
  } finally {
    await producer.disconnect()
  }
}

async function unknownTopic ({ topic }) {
  const records = [{ k: null, v: base64(Buffer.from('x')), t: null, h: [] }]
  const ways = {
    produce: () => produce({ topic, partition: 0, idempotent: false, retries: 1, records }),
    describe: () => impatient.fetchTopicMetadata({ topics: [topic] }),
    delete: () => impatient.deleteTopics({ topics: [topic] }),
    'add partitions': () => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
  }
  const codes = {}
  for (const [way, ask] of Object.entries(ways)) codes[way] = await ask().then(() => null, codeOf)
  return codes
}

// Waits until the broker knows a topic.
async function known (topic) {
  for (const ends = Date.now() + CALL_MS_MAX; ;) {
    try {
      const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics
      if (found.partitions.length > 0 && found.partitions.every((one) => one.leader >= 0)) return
    } catch (error) {
      if (codeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION' || Date.now() > ends) throw error
    }
    await new Promise((go) => setTimeout(go, 50))
  }
}

async function configEntry ({ topic, key }) {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [key] }],
  })
  return resources[0].configEntries.find((entry) => entry.configName === key).configValue
}

const OPS = {
  version: async () => from('kafkajs/package.json').version,
  create_topic: async ({ topic, partitions, configs }) => {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const made = await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
      // kafkajs gives up at once if the broker does not know its new topic yet.
      waitForLeaders: false,
    })
    // kafkajs hides this one error behind a plain false.
    if (!made) throw Object.assign(new Error('createTopics answered false'), { type: 'TOPIC_ALREADY_EXISTS' })
    await known(topic)
  },
  partition_counts: async () => {
    const { topics } = await admin.fetchTopicMetadata()
    return Object.fromEntries(topics.map((topic) => [topic.name, topic.partitions.length]))
  },
  add_partitions: ({ topic, count }) => admin.createPartitions({ topicPartitions: [{ topic, count }] }),
  topic_config: configEntry,
  set_topic_config: ({ topic, key, value }) => admin.alterConfigs({
    validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: key, value }] }],
  }),
  delete_topic: ({ topic }) => impatient.deleteTopics({ topics: [topic] }),
  produce,
  open_producer: async ({ topic }) => {
    const id = ++serial
    producers.set(id, { topic, producer: await openProducer({ idempotent: true }) })
    return id
  },
  send: ({ producer: id, records }) => {
    const { topic, producer } = producers.get(id)
    return send(producer, { topic, records, partition: 0 })
  },
  close_producer: ({ producer }) => producers.get(producer).producer.disconnect(),
  read: async ({ topic, count, offset, time }) => {
    if (time !== null) offset = (await admin.fetchTopicOffsetsByTimestamp(topic, time))[0].offset
    return readSome(topic, count, { offset })
  },
  group_read: ({ group, topic, count }) => readSome(topic, count, { group, commit: true }),
  member: openMember,
  leave: ({ member }) => members.get(member).disconnect(),
  pause: async ({ member }) => members.get(member).pause(held.get(member)),
  resume: async ({ member }) => members.get(member).resume(held.get(member)),
  open_pump: openPump,
  pump_acknowledged: async ({ pump }) => pumps.get(pump).acknowledged,
  stop_pump: stopPump,
  fenced,
  unknown_topic: unknownTopic,
  write_lines: writeLines,
  read_lines: readLines,
  ends: async ({ topic }) => {
    const [{ low, high }] = await admin.fetchTopicOffsets(topic)
    return [Number(low), Number(high)]
  },
  offset_at: async ({ topic, time }) => Number((await admin.fetchTopicOffsetsByTimestamp(topic, time))[0].offset),
  delete_records: ({ topic, offset }) => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] }),
  groups: async () => (await admin.listGroups()).groups.map((group) => group.groupId),
  group_state: async ({ group }) => {
    const described = (await admin.describeGroups([group])).groups[0]
    return [described.state, described.members.length]
  },
  group_offsets: async ({ group }) => (await admin.fetchOffsets({ groupId: group })).flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset }) => [topic, partition, Number(offset)])),
  reset_group: ({ group, topic, offsets }) => admin.setOffsets({
    groupId: group, topic, partitions: offsets.map(([partition, offset]) => ({ partition, offset: String(offset) })),
  }),
  delete_group: ({ group }) => admin.deleteGroups([group]),
}

async function main () {
  await registerCodecs()
  await admin.connect()
  await impatient.connect()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const call = JSON.parse(line)
    OPS[call.op](call).then(
      (result) => say({ id: call.id, result: result === undefined ? null : result }),
      (error) => say({ id: call.id, error: { code: codeOf(error), text: error.message } }),
    )
  }
  process.exit(0)
}

main().catch((error) => { process.stderr.write(`${error.stack}\n`); process.exit(1) })
