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

/// `KEYS`: stream. Removes what every group is done with. Ids are compared as text, since Lua's numbers are too short for them.
pub(crate) const TRIM_DONE: &str = "\
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  return groups
end
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function before(a, b)
  if not b then return true end
  local ams, aseq = a:match('(%d+)-(%d+)')
  local bms, bseq = b:match('(%d+)-(%d+)')
  if ams ~= bms then return less(ams, bms) end
  return less(aseq, bseq)
end
local keep = nil
for _, group in ipairs(groups) do
  local info = {}
  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
  local first
  if info['pending'] > 0 then
    first = redis.call('XPENDING', KEYS[1], info['name'])[2]
  else
    local ms, seq = info['last-delivered-id']:match('(%d+)-(%d+)')
    first = ms .. '-' .. seq
    if #seq < 15 then first = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1) end
  end
  if before(first, keep) then keep = first end
end
if not keep then return 0 end
return redis.pcall('XTRIM', KEYS[1], 'MINID', keep)";

/// `KEYS`: stream. `ARGV`: group, consumer. Removes the consumer if nothing is pending for it, for that would be thrown away.
pub(crate) const REMOVE_CONSUMER: &str = "\
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if pending.err then return pending end
if #pending > 0 then return 0 end
local consumers = #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local removed = redis.pcall('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
if type(removed) == 'table' then return removed end
return consumers - #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])";
