-- Reads prepared requests from a file (path, body, header names and values, by tabs) and sends them, at random or each once.
local requests, order, at = {}, "random", 0

function init(args)
  math.randomseed(os.time())
  order = args[2]
  for line in io.lines(args[1]) do
    local parts = {}
    for part in (line .. "\t"):gmatch("([^\t]*)\t") do parts[#parts + 1] = part end
    local headers = {}
    for i = 3, #parts - 1, 2 do headers[parts[i]] = parts[i + 1] end
    local has_body = parts[2] ~= ""
    requests[#requests + 1] = wrk.format(has_body and "POST" or "GET", parts[1], headers, has_body and parts[2] or nil)
  end
end

function setup(thread)
  one = thread
end

function request()
  if order == "random" then return requests[math.random(#requests)] end
  at = at + 1
  if at > #requests then ran_out = true; at = 1 end
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d, "ran_out": %s}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.status + e.connect + e.read + e.write + e.timeout, tostring(one:get("ran_out") == true)))
end
