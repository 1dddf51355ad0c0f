/**
 * The scripts that Redis runs, each in one step. Every script names all keys that it uses, and those of a topic are in one slot.
 * Numbers are written with `%.0f`, because Lua writes large ones as 1e+15.
 */

/** Code of the error of scripts that find no run key: the engine sets it, and repeats the call. */
export const NOT_BOOTED = 'HAWSERBOOT';

/**
 * The beginning of the scripts that change a history. It sets `run`, `epoch`, `offset` and `bytes`. A history of another run of Redis
 * may lack messages that were delivered, so it is dropped, and a new epoch begins. DEL only if there is a list: after the first write of
 * a script, Redis no longer refuses what needs memory.
 */
const OPEN = `
local run = redis.call('GET', KEYS[3])
if not run then return redis.error_reply('${NOT_BOOTED} there is no run key') end
local epoch, offset, bytes
local meta = redis.call('GET', KEYS[1])
if meta then
  local e, o, b, r = string.match(meta, '^(%S+) (%d+) (%d+) (%S+)$')
  if r == run then epoch, offset, bytes = e, tonumber(o), tonumber(b) end
end
local isNew = not epoch
if isNew then
  if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('DEL', KEYS[2]) end
  epoch, offset, bytes = ARGV[1], 0, 0
end
local function save(ttl)
  redis.call('SET', KEYS[1], string.format('%s %.0f %.0f %s', epoch, offset, bytes, run), 'PX', ttl)
end
`;

/** Writes an envelope of `ARGV` entries as `envelope.ts` does. */
const ENVELOPE = `
local function publish(channel, header, entries)
  local parts = { header }
  for i = 1, #entries do
    parts[2 * i] = struct.pack('>I4', #entries[i])
    parts[2 * i + 1] = entries[i]
  end
  redis.call('PUBLISH', channel, table.concat(parts))
end
`;

/**
 * Sets the run of every partition. KEYS: config, run keys. ARGV: run, config. Returns the config that holds: that of the first
 * node, unless all nodes of it are gone and Redis forgot it.
 */
const BOOT = `
redis.call('SET', KEYS[1], ARGV[2], 'NX')
local config = redis.call('GET', KEYS[1])
if config ~= ARGV[2] then return config end
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) ~= ARGV[1] then redis.call('SET', KEYS[i], ARGV[1]) end
end
return config
`;

/**
 * Numbers, stores and publishes one batch. KEYS: meta, list, run, last batch of the node. ARGV: candidate epoch, maxMessages,
 * maxBytes, ttlMs, positionTtlMs, channel, node, seq, ms that the last batch is remembered, entries. Returns epoch, offset of the
 * first entry, and 1 for a batch that was stored before.
 */
const APPEND = `${OPEN}${ENVELOPE}
local last = not isNew and redis.call('GET', KEYS[4])
if last then
  local e, s, f = string.match(last, '^(%S+) (%d+) (%d+)$')
  if e == epoch and tonumber(s) >= tonumber(ARGV[8]) then return { epoch, tonumber(f), 1 } end
end
local entries = { unpack(ARGV, 10) }
local first = offset + 1
offset = offset + #entries
local count = redis.call('RPUSH', KEYS[2], unpack(entries))
if count == #entries then bytes = 0 end
for i = 1, #entries do bytes = bytes + #entries[i] end
local surplus = count - tonumber(ARGV[2])
if surplus > 0 then
  for _, entry in ipairs(redis.call('LPOP', KEYS[2], surplus)) do bytes = bytes - #entry end
end
while bytes > tonumber(ARGV[3]) do bytes = bytes - #redis.call('LPOP', KEYS[2]) end
save(ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('SET', KEYS[4], string.format('%s %s %.0f', epoch, ARGV[8], first), 'PX', ARGV[9])
publish(ARGV[6], string.format('1 m %s %.0f %s %s\\n', epoch, first, ARGV[7], ARGV[8]), entries)
return { epoch, first, 0 }
`;

/**
 * Reads what follows a position, or all; begins a history where there is none, so that every client has a position. KEYS: meta, list,
 * run. ARGV: candidate epoch, positionTtlMs, epoch and offset of the position. Returns epoch, offset of the last message, entries.
 */
const READ = `${OPEN}
if isNew then
  save(ARGV[2])
  return { epoch, 0, {} }
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local from = 0
if ARGV[3] == epoch then
  local missed = offset - tonumber(ARGV[4])
  if missed <= 0 then return { epoch, offset, {} } end
  from = -missed
end
return { epoch, offset, redis.call('LRANGE', KEYS[2], from, -1) }
`;

/**
 * Sets members and publishes the changes. KEYS: members. ARGV: channel, header of the envelope, ms after which the members of a
 * topic expire that no node renews, then field and value of each.
 */
const ENTER = `${ENVELOPE}
local changes = {}
for i = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  changes[#changes + 1] = struct.pack('>I2', #ARGV[i]) .. ARGV[i] .. ARGV[i + 1]
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
publish(ARGV[1], ARGV[2], changes)
return #changes
`;

/** Removes members and publishes the changes. KEYS: members. ARGV: channel, header of the envelope, fields. */
const LEAVE = `${ENVELOPE}
local changes = {}
for i = 3, #ARGV do
  if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then
    changes[#changes + 1] = struct.pack('>I2', #ARGV[i]) .. ARGV[i]
  end
end
if #changes > 0 then publish(ARGV[1], ARGV[2], changes) end
return #changes
`;

/** Reads members, if there are at most so many. KEYS: members. ARGV: the number. Returns their count, then fields and values. */
const MEMBERS = `
local count = redis.call('HLEN', KEYS[1])
if count > tonumber(ARGV[1]) then return { count } end
return { count, redis.call('HGETALL', KEYS[1]) }
`;

/**
 * Renews the entry of a node by the clock of Redis, and forgets nodes whose entry has expired. An entry of 0 ms removes it. KEYS: nodes,
 * info of nodes. ARGV: node, who claims it, ttlMs, info. Returns name, claim and info of each node that is alive; nothing if the
 * name is claimed by another engine.
 */
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function expire()
  local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
  for _, node in ipairs(gone) do
    redis.call('ZREM', KEYS[1], node)
    redis.call('HDEL', KEYS[2], node)
  end
end
expire()
local claim = ARGV[2] .. ' '
local held = redis.call('HGET', KEYS[2], ARGV[1])
if held and string.sub(held, 1, #claim) ~= claim then return {} end
redis.call('HSET', KEYS[2], ARGV[1], claim .. ARGV[4])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
expire()
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if newest[2] then
  redis.call('PEXPIREAT', KEYS[1], newest[2])
  redis.call('PEXPIREAT', KEYS[2], newest[2])
end
return redis.call('HGETALL', KEYS[2])
`;

/** All scripts by name. Their digests are those that SCRIPT LOAD returns. */
export const SCRIPTS = Object.freeze({
  boot: BOOT,
  append: APPEND,
  read: READ,
  enter: ENTER,
  leave: LEAVE,
  members: MEMBERS,
  beat: BEAT,
});

export type ScriptName = keyof typeof SCRIPTS;
