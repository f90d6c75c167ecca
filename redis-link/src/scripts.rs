//! What must happen atomically.
//!
//! Every error is passed on as it is, also that of a server that takes no writes for now: raised by `redis.call`, it would be
//! wrapped in words of the script's own, and before Redis 7.0 its code would be lost in them.
//!
//! Nothing here is newer than Redis 6.2, where `XTRIM` learned `MINID`.

/// `KEYS`: stream. `ARGV`: group, consumer, ids. Resets the idle time of those that the consumer still owns; returns them.
/// (One that was trimmed meanwhile leaves the pending list, and isn't among them.)
pub(crate) const RENEW: &str = "\
local ours = {}
for i = 3, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if pending.err then return pending end
  if #pending == 1 then
    local claimed = redis.pcall('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    if claimed.err then return claimed end
    if #claimed == 1 then ours[#ours + 1] = ARGV[i] end
  end
end
return ours";

/// `KEYS`: stream. `ARGV`: group, consumer, ids. Makes those that the consumer still owns look idle for a day; returns them.
pub(crate) const RELEASE: &str = "\
local ours = {}
for i = 3, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if pending.err then return pending end
  if #pending == 1 then
    local claimed = redis.pcall('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', 86400000, 'JUSTID')
    if claimed.err then return claimed end
    if #claimed == 1 then ours[#ours + 1] = ARGV[i] end
  end
end
return ours";

/// Whether an id comes before another one. Ids are compared as text, since Lua's numbers are too short for them.
macro_rules! before {
    () => {
        "\
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function before(a, b)
  local ams, aseq = a:match('(%d+)-(%d+)')
  local bms, bseq = b:match('(%d+)-(%d+)')
  if ams ~= bms then return less(ams, bms) end
  return less(aseq, bseq)
end
"
    };
}

/// `KEYS`: stream. `ARGV`: group, where it begins. Makes a group, and the stream.
pub(crate) const CREATE_GROUP: &str =
    "return redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')";

/// `KEYS`: stream. `ARGV`: group, id. Makes a group after an id, or at the beginning if the stream's ids don't reach it.
pub(crate) const CREATE_GROUP_AFTER: &str = concat!(
    before!(),
    "\
local start = '0'
local stream = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not stream.err then
  for i = 1, #stream, 2 do
    if stream[i] == 'last-generated-id' and not before(stream[i + 1], ARGV[2]) then start = ARGV[2] end
  end
end
return redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], start, 'MKSTREAM')"
);

/// `KEYS`: stream. `ARGV`: group, consumer, id to begin after, count. What the consumer has pending; its idle time begins anew.
pub(crate) const READ_OWN_PENDING: &str = "\
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '(' .. ARGV[3], '+', ARGV[4], ARGV[2])
if pending.err then return pending end
local entries = {}
for i, found in ipairs(pending) do
  entries[i] = redis.call('XRANGE', KEYS[1], found[1], found[1])[1] or {found[1], false}
  local claimed = redis.pcall('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, found[1], 'JUSTID')
  if claimed.err then return claimed end
end
return entries";

/// `KEYS`: stream. `ARGV`: group, consumer, idle time, cursor, count. Takes over what is idle; returns the next cursor and the
/// entries. (6.2 claims those that were trimmed too: they come without fields.)
pub(crate) const AUTO_CLAIM: &str = "\
local page = redis.pcall('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5], 'JUSTID')
if page.err then return page end
local entries = {}
for i, id in ipairs(page[2]) do
  entries[i] = redis.call('XRANGE', KEYS[1], id, id)[1] or {id, false}
end
return {page[1], entries}";

/// `KEYS`: stream. `ARGV`: group, consumer, id, 1 to count a delivery or 0. If the consumer still owns the entry, its idle time begins
/// anew, and the count is returned.
pub(crate) const COUNT_DELIVERY: &str = "\
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if pending.err then return pending end
if #pending == 0 then return false end
local count = pending[1][4] + tonumber(ARGV[4])
local claimed = redis.pcall('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'RETRYCOUNT', count, 'JUSTID')
if claimed.err then return claimed end
if #claimed == 0 then return false end
return count";

/// `KEYS`: stream. Removes what every group is done with; returns how many that were, how many are left, and from where on
/// and for which group they were kept.
pub(crate) const TRIM_DONE: &str = concat!(
    before!(),
    "\
local function plus_one(number)
  local head, nines = number:match('^(%d-)(9*)$')
  if head == '' then return '1' .. ('0'):rep(#nines) end
  return head:sub(1, -2) .. (head:byte(-1) - 47) .. ('0'):rep(#nines)
end
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then
  if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0} end
  return groups
end
local keep, by = nil, nil
for _, group in ipairs(groups) do
  local info = {}
  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
  local first
  if info['pending'] > 0 then
    first = redis.call('XPENDING', KEYS[1], info['name'])[2]
  else
    local ms, seq = info['last-delivered-id']:match('(%d+)-(%d+)')
    if seq == '18446744073709551615' then ms, seq = plus_one(ms), '0' else seq = plus_one(seq) end
    first = ms .. '-' .. seq
  end
  if not keep or before(first, keep) then keep, by = first, info['name'] end
end
if not keep then return {0, redis.call('XLEN', KEYS[1])} end
local removed = redis.pcall('XTRIM', KEYS[1], 'MINID', keep)
if type(removed) == 'table' then return removed end
return {removed, redis.call('XLEN', KEYS[1]), keep, by}"
);

/// `KEYS`: stream. `ARGV`: group, consumer. Removes the consumer if nothing is pending for it, for that would be thrown away.
pub(crate) const REMOVE_CONSUMER: &str = "\
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if pending.err then return pending end
if #pending > 0 then return 0 end
local consumers = #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local removed = redis.pcall('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
if type(removed) == 'table' then return removed end
return consumers - #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])";

/// `KEYS`: stream. `ARGV`: group, idle time, the consumer that stays. Removes consumers for which nothing is pending and of which
/// nobody has heard for that long; returns how many.
pub(crate) const REMOVE_IDLE_CONSUMERS: &str = "\
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
if pending.err then return pending end
local consumers = redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local removed = 0
for _, consumer in ipairs(consumers) do
  local info = {}
  for i = 1, #consumer, 2 do info[consumer[i]] = consumer[i + 1] end
  if info['pending'] == 0 and info['idle'] >= tonumber(ARGV[2]) and info['name'] ~= ARGV[3] then
    local done = redis.pcall('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], info['name'])
    if type(done) == 'table' then return done end
    removed = removed + 1
  end
end
return removed";
