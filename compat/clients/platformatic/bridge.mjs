// @platformatic/kafka behind the lines of JSON of ../bridge.py; that file has the table of calls. Owns: producers,
// consumers, members. Does not compare anything: what is read goes out as it came, in base64.
// Arguments: the folder with node_modules, HOST:PORT.

import fs from 'node:fs'
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const [folder, bootstrap] = process.argv.slice(2)
const home = `${folder}/node_modules/@platformatic/kafka`
const { Admin, Consumer, Producer, ListOffsetTimestamps, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } =
  await import(pathToFileURL(`${home}/dist/index.js`))

const CALL_MS_MAX = 50000
const LINES_PER_SEND = 5000
const PUMP_PAUSE_MS = 10
const SESSION_MS = 6000

const base = { clientId: 'walser-compat', bootstrapBrokers: [bootstrap], timeout: 10000, retries: 40, retryDelay: 250 }
const admin = new Admin(base)
// For questions whose answer is an error that the client would ask for again and again.
const impatient = new Admin({ ...base, retries: 0 })
const producers = new Map()
const members = new Map()
const pumps = new Map()
let serial = 0

const base64 = (bytes) => (bytes === null || bytes === undefined ? null : bytes.toString('base64'))
const bytes = (text) => (text === null || text === undefined ? undefined : Buffer.from(text, 'base64'))
const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value)
const say = (line) => process.stdout.write(JSON.stringify(line, plain) + '\n')
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// The protocol's name of an error, through the wrappers for retries and lists. The last try counts.
function codeOf (error) {
  if (error.apiId) return error.apiId
  // What it makes of the broker's answer to a metadata request.
  if (/^Unknown topic /.test(error.message)) return 'UNKNOWN_TOPIC_OR_PARTITION'
  for (const inner of [...(error.errors || [])].reverse().concat(error.cause || [])) {
    const code = codeOf(inner)
    if (!code.startsWith('PLT_')) return code
  }
  return error.code || `${error.name}: ${error.message}`
}

// Names are buffers, so that one can be there twice: the client keeps headers in a Map.
const messageIn = (topic, partition, record) => ({
  topic,
  key: bytes(record.k),
  value: bytes(record.v),
  headers: new Map(record.h.map(([name, value]) => [Buffer.from(name), bytes(value)])),
  ...(partition === null ? {} : { partition }),
  ...(record.t === null ? {} : { timestamp: BigInt(record.t) }),
})

const messageOut = (message) => ({
  topic: message.topic,
  p: message.partition,
  o: Number(message.offset),
  t: Number(message.timestamp),
  k: base64(message.key),
  v: base64(message.value),
  h: [...message.headers].map(([name, value]) => [name.toString(), base64(value)]),
})

const newProducer = (idempotent) => new Producer({ ...base, idempotent, acks: -1, autocreateTopics: true })

async function send (producer, { topic, partition, codec, records }) {
  await producer.send({
    compression: codec || 'none',
    messages: records.map((record) => messageIn(topic, partition === undefined ? 0 : partition, record)),
  })
}

async function offsetAt (topic, timestamp) {
  const [{ partitions }] = await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }] })
  return Number(partitions[0].offset)
}

const groupConsumer = (groupId, more = {}) => new Consumer({
  ...base, groupId, maxWaitTime: 100, sessionTimeout: SESSION_MS, rebalanceTimeout: 10000, heartbeatInterval: 500, ...more,
})

// Takes `count` messages of a stream, or what comes until the deadline.
async function take (stream, count, each) {
  let taken = 0
  if (count === 0) return
  const late = setTimeout(() => stream.destroy(new Error(`${taken} of ${count} records after ${CALL_MS_MAX} ms`)), CALL_MS_MAX)
  try {
    for await (const message of stream) {
      each(message)
      if (++taken === count) return
    }
  } finally {
    clearTimeout(late)
  }
}

// From an offset to `count` records or the end, in a group of one: the client has no assignment by hand.
async function readFrom (topic, count, offset, each) {
  const [first, last] = [await offsetAt(topic, ListOffsetTimestamps.EARLIEST), await offsetAt(topic, ListOffsetTimestamps.LATEST)]
  const start = offset === null ? first : offset
  const consumer = groupConsumer(`${topic}.read-${++serial}`)
  try {
    const stream = await consumer.consume({
      topics: [topic], mode: 'manual', offsets: [{ topic, partition: 0, offset: BigInt(start) }], autocommit: false, highWaterMark: 20000,
    })
    await take(stream, Math.min(count, last - start), each)
  } finally {
    await consumer.close(true)
  }
}

async function groupRead ({ group, topic, count }) {
  const consumer = groupConsumer(group)
  const records = []
  try {
    const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: false, highWaterMark: count })
    await take(stream, count, (message) => records.push(messageOut(message)))
    await consumer.commit({ offsets: [{ topic, partition: 0, offset: BigInt(records[records.length - 1].o + 1), leaderEpoch: -1 }] })
  } finally {
    await consumer.close(true)
  }
  return records
}

// A member commits what it reported as soon as it has reported all that came at once.
class Member {
  constructor ({ group, instance, session, heartbeat, client_id: clientId, reset, topics }) {
    this.id = ++serial
    this.reset = reset || 'earliest'
    this.topics = topics
    this.read = new Map()
    this.committing = null
    this.leaving = false
    this.consumer = groupConsumer(group, {
      sessionTimeout: session, heartbeatInterval: heartbeat, rebalanceTimeout: Math.max(10000, session),
      ...(instance ? { groupInstanceId: instance } : {}), ...(clientId ? { clientId } : {}),
    })
    this.consumer.on('consumer:group:join', ({ assignments }) => {
      this.held = (assignments || []).flatMap(({ topic, partitions }) => partitions.map((p) => [topic, p]))
      this.names = new Set(this.held.map(String))
      say({ event: 'assigned', member: this.id, assigned: this.held })
    })
    this.consumer.on('consumer:heartbeat:error', ({ error }) => {
      const code = codeOf(error)
      if (code === 'FENCED_INSTANCE_ID') this.failed(code)
    })
    this.consumer.on('error', (error) => this.failed(codeOf(error)))
  }

  failed (code) {
    if (this.leaving || this.error) return
    this.error = code
    say({ event: 'error', member: this.id, code })
  }

  async open () {
    await this.stream()
    return this.id
  }

  async stream () {
    this.flow = await this.consumer.consume({
      topics: this.topics, mode: 'committed', fallbackMode: this.reset, autocommit: false, maxBytesPerPartition: 2 << 20,
    })
    this.flow.on('data', (message) => this.take(message))
    this.flow.on('error', (error) => this.failed(codeOf(error)))
  }

  take (message) {
    // An answer to a fetch from before a rebalance may bring what another member holds by now.
    if (!this.names.has(`${message.topic},${message.partition}`)) return
    say({ event: 'records', member: this.id, records: [messageOut(message)] })
    this.read.set(`${message.topic},${message.partition}`, {
      topic: message.topic, partition: message.partition, offset: message.offset + 1n, leaderEpoch: -1,
    })
    this.committing ??= new Promise((resolve) => setImmediate(resolve)).then(() => this.commit())
  }

  async commit () {
    while (this.read.size > 0) {
      const offsets = [...this.read.values()]
      this.read.clear()
      try {
        await this.consumer.commit({ offsets })
      } catch (error) {
        // Refused during a rebalance: whoever holds the partition next begins at the last commit.
        process.stderr.write(`commit: ${error.message}\n`)
        if (codeOf(error) === 'FENCED_INSTANCE_ID') this.failed('FENCED_INSTANCE_ID')
      }
    }
    this.committing = null
  }

  async leave () {
    this.leaving = true
    await this.committing
    await this.consumer.close(true)
  }
}

class Pump {
  constructor (topic) {
    this.topic = topic
    this.producer = newProducer(true)
    this.acknowledged = 0
    this.running = this.run()
    // Told to whoever stops it.
    this.running.catch(() => {})
  }

  // One request in flight: the client counts a sequence number only when its batch is acknowledged.
  async run () {
    let number = 0
    for (; !this.stopping; number++) {
      const name = String(number).padStart(6, '0')
      await this.producer.send({
        messages: [{ topic: this.topic, partition: 0, key: Buffer.from(`key-${name}`), value: Buffer.from(`record number ${name}`) }],
      })
      this.acknowledged += 1
      await pause(PUMP_PAUSE_MS)
    }
    return number
  }

  async stop () {
    this.stopping = true
    const written = await this.running
    await this.producer.close(true)
    return written
  }
}

async function writeLines ({ topic, path, codec }) {
  const producer = newProducer(false)
  const lines = fs.readFileSync(path).toString('latin1').split('\n')
  if (lines[lines.length - 1] === '') lines.pop()
  for (let at = 0; at < lines.length; at += LINES_PER_SEND) {
    const messages = lines.slice(at, at + LINES_PER_SEND).map((line) => ({ topic, partition: 0, value: Buffer.from(line, 'latin1') }))
    await producer.send({ messages, compression: codec })
  }
  await producer.close()
}

async function readLines ({ topic, count, path }) {
  const out = fs.createWriteStream(path)
  await readFrom(topic, count, null, (message) => out.write(Buffer.concat([message.value, Buffer.from('\n')])))
  await new Promise((resolve) => out.end(resolve))
}

async function shownAs (call) {
  try {
    await call()
    return null
  } catch (error) {
    return codeOf(error)
  }
}

const OPS = {
  version: async () => JSON.parse(fs.readFileSync(`${home}/package.json`)).version,
  create_topic: async ({ topic, partitions, configs }) => {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
    // Kafka may need a moment until all partitions have their leader; a stream that meets one without begins
    // again at what is committed, with all partitions.
    const all = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: ListOffsetTimestamps.LATEST }))
    await admin.listOffsets({ topics: [{ name: topic, partitions: all }] })
  },
  partition_counts: async () => {
    for (;;) {
      try {
        const { topics } = await admin.metadata({ topics: await admin.listTopics(), forceUpdate: true })
        return Object.fromEntries([...topics].map(([name, topic]) => [name, topic.partitionsCount]))
      } catch (error) {
        // Another client deleted one between the list and the description: the whole list again.
        if (codeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      }
    }
  },
  add_partitions: ({ topic, count }) => admin.createPartitions({ topics: [{ name: topic, count }] }),
  topic_config: async ({ topic, key }) => {
    const [{ configs }] = await admin.describeConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [key] }],
    })
    return configs.find((entry) => entry.name === key).value
  },
  set_topic_config: ({ topic, key, value }) => admin.incrementalAlterConfigs({
    resources: [{
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName: topic,
      configs: [{ name: key, configOperation: IncrementalAlterConfigOperationTypes.SET, value }],
    }],
  }),
  delete_topic: ({ topic }) => impatient.deleteTopics({ topics: [topic] }),
  produce: async (call) => {
    const producer = newProducer(call.idempotent)
    try {
      await send(producer, call)
    } finally {
      await producer.close()
    }
  },
  open_producer: async ({ topic }) => {
    producers.set(++serial, { topic, producer: newProducer(true) })
    return serial
  },
  send: ({ producer, records }) => send(producers.get(producer).producer, { topic: producers.get(producer).topic, records }),
  close_producer: ({ producer }) => producers.get(producer).producer.close(),
  open_pump: async ({ topic }) => {
    pumps.set(++serial, new Pump(topic))
    return serial
  },
  pump_acknowledged: async ({ pump }) => pumps.get(pump).acknowledged,
  stop_pump: ({ pump }) => pumps.get(pump).stop(),
  read: async ({ topic, count, offset, time }) => {
    const records = []
    const start = time === null ? offset : await offsetAt(topic, BigInt(time))
    await readFrom(topic, count, start, (message) => records.push(messageOut(message)))
    return records
  },
  write_lines: writeLines,
  read_lines: readLines,
  ends: async ({ topic }) => [await offsetAt(topic, ListOffsetTimestamps.EARLIEST), await offsetAt(topic, ListOffsetTimestamps.LATEST)],
  offset_at: async ({ topic, time }) => {
    const offset = await offsetAt(topic, BigInt(time))
    return offset < 0 ? null : offset
  },
  delete_records: ({ topic, offset }) => admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: BigInt(offset) }] }] }),
  log_size: async ({ topic }) => {
    const described = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] })
    const partitions = described.flatMap(({ results }) => results.flatMap(({ topics }) => topics.flatMap((one) => one.partitions)))
    return partitions.reduce((sum, { partitionSize }) => sum + Number(partitionSize), 0)
  },
  member: (call) => {
    const member = new Member(call)
    members.set(member.id, member)
    return member.open()
  },
  pause: async ({ member }) => { members.get(member).flow.pause() },
  resume: async ({ member }) => { members.get(member).flow.resume() },
  leave: ({ member }) => members.get(member).leave(),
  group_read: groupRead,
  groups: async () => [...(await admin.listGroups()).keys()],
  group_state: async ({ group }) => {
    const { state, members: inIt } = (await admin.describeGroups({ groups: [group] })).get(group)
    return [state[0] + state.slice(1).toLowerCase(), inIt.size]
  },
  group_offsets: async ({ group }) => {
    const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [group] })
    return topics.flatMap(({ name, partitions }) => partitions.map((one) => [name, one.partitionIndex, Number(one.committedOffset)]))
  },
  reset_group: ({ group, topic, offsets }) => admin.alterConsumerGroupOffsets({
    groupId: group,
    topics: [{ name: topic, partitionOffsets: offsets.map(([partition, offset]) => ({ partition, offset: BigInt(offset) })) }],
  }),
  delete_group: ({ group }) => admin.deleteGroups({ groups: [group] }),
  unknown_topic: async ({ topic }) => {
    const producer = new Producer({ ...base, retries: 0, autocreateTopics: false })
    try {
      return {
        describe: await shownAs(() => impatient.metadata({ topics: [topic], forceUpdate: true })),
        delete: await shownAs(() => impatient.deleteTopics({ topics: [topic] })),
        'add partitions': await shownAs(() => impatient.createPartitions({ topics: [{ name: topic, count: 3 }] })),
        produce: await shownAs(() => producer.send({ messages: [{ topic, partition: 0, value: Buffer.from('x') }] })),
      }
    } finally {
      await producer.close(true)
    }
  },
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const call = JSON.parse(line)
  const { id, op } = call
  Promise.resolve().then(() => OPS[op](call)).then(
    (result) => say({ id, result: result === undefined ? null : result }),
    (error) => {
      process.stderr.write(`${op}: ${error.stack}\n`)
      say({ id, error: { code: codeOf(error), text: error.message } })
    },
  )
}
process.exit(0)
