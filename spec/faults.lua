-- faults.lua - what can fail between a client and its service, as one table
--
-- {what, how it is provoked, its outcome, seconds that it takes at most}, and
-- by name: `rounds` of the test for leaks (100; FEW with a large payload),
-- with `quick` changes of the configuration (one attempt); `seen`, how many
-- requests (by the path) or connections (by the port) the server counts,
-- where that is not the number of attempts; false where it cannot count.
-- `how` is that of spec/support/fault_runner.lua. The outcome is {class,
-- delivery, attempts, code}, its class nil for a success; where there are
-- several, each may be.

local leaks = require "spec.support.fault_leaks"

-- Seconds of a time-out that is meant to pass.
local SHORT = leaks.in_valgrind and 0.25 or 0.1
local MANY = 5 * 1024 * 1024 -- bytes: more than buffers hold
local FEW = 10 -- rounds
local PROMPT = 0.25 -- seconds for what need not wait
local SOON = 3 * (SHORT + 0.05) -- three time-outs

local SUCCESS = { nil, "success", 1 }
local TWICE = { nil, "success", 2 }
local REFUSED = { "EndpointConnectionError", "not_sent", 3 }
local NO_PROXY = { "ProxyConnectionError", "not_sent", 3 }
local NOT_IN_TIME = { "ConnectTimeoutError", "not_sent", 3 }
local NO_TLS = { "SSLError", "not_sent", 3 }
local LATE_NO_TLS = { "SSLError", "unknown", 3 }
local CLOSED = { "ConnectionClosedError", "unknown", 3 }
local CLOSED_ONCE = { "ConnectionClosedError", "unknown", 1 }
local SILENT = { "ReadTimeoutError", "unknown", 3 }
local NO_HTTP = { "HTTPClientError", "unknown", 3 }
local LATE = { "ApiCallTimeoutError", "unknown", 1 }

-- A service's answers: refused, refused for now, and what tells nothing.
local function rejected(code, class, attempts)
  return { class or "ClientError", "rejected", attempts or 1, code }
end

local function throttled(code, class) return rejected(code, class, 3) end

local function trouble(code, class)
  return { class or "ClientError", "unknown", 3, code }
end

local READS = { read_timeout = SHORT }
local CONNECTS = { connect_timeout = SHORT }
local CALL = { api_call_timeout = 2 * SHORT }
local NEVER_TWICE = { retries = { resend_unknown = false } }

-- For the rounds.
local QUICK = {
  read_timeout = 0.002, connect_timeout = 0.01,
  retries = { total_max_attempts = 1 },
}
local QUICK_CALL = { api_call_timeout = 0.005 }
local AS_IT_IS = {}

-- All of the way to the service goes by a listener that is no proxy.
local function behind(listener)
  return function(server)
    return {
      connect_timeout = SHORT,
      proxies = { https = "http://127.0.0.1:" .. server[listener] },
    }
  end
end

local function close_all(server) server:all "close" end
local function reset_all(server) server:all "reset" end
local function stray_all(server) server:all "stray" end

local function with_key(server)
  return { client_cert = { server.client_pem, server.client_key } }
end

local function with_alpn(name)
  return { alpn = { name } }
end

local faults = {
  -- no connection
  { "refuses", { port = "closed" }, REFUSED, PROMPT, seen = false,
    quick = AS_IT_IS },
  { "refuses, over TLS", { port = "closed", scheme = "https" }, REFUSED,
    PROMPT, seen = false },
  { "does not accept", { port = "deaf", config = CONNECTS }, NOT_IN_TIME,
    SOON, seen = false, quick = QUICK },
  { "accepts and closes", { port = "closes_at_once" }, CLOSED, PROMPT },
  -- seen now before, now after we have sent
  { "accepts and resets", { port = "resets_at_once" },
    { { "EndpointConnectionError", "ConnectionClosedError" },
      { "not_sent", "unknown" }, 3 }, PROMPT },
  { "is silent from the start", { port = "mute", config = READS }, SILENT,
    SOON, quick = QUICK },
  -- no TLS
  { "has a certificate of its own", { port = "self_signed",
    scheme = "https" }, NO_TLS, PROMPT },
  { "has an expired certificate", { port = "expired", scheme = "https" },
    NO_TLS, PROMPT },
  { "has another's certificate", { port = "wrong_name", scheme = "https" },
    NO_TLS, PROMPT },
  { "has a certificate of an unknown CA", { port = "untrusted",
    scheme = "https" }, NO_TLS, PROMPT },
  { "is trusted by a CA that is not ours", { port = "https",
    scheme = "https", verify = "other_ca_pem" }, NO_TLS, PROMPT },
  { "speaks TLS 1.1", { port = "old_tls", scheme = "https" }, NO_TLS,
    PROMPT },
  { "does not shake hands", { port = "mute", scheme = "https",
    config = CONNECTS }, NOT_IN_TIME, SOON, quick = QUICK },
  { "shakes hands for ever", { port = "drips_at_hello", scheme = "https",
    config = CONNECTS }, NOT_IN_TIME, SOON, quick = QUICK },
  { "closes at the hello", { port = "closes_at_hello", scheme = "https" },
    NO_TLS, PROMPT },
  { "resets at the hello", { port = "resets_at_hello", scheme = "https" },
    NO_TLS, PROMPT },
  { "closes within the handshake", { port = "half_a_hello",
    scheme = "https" }, NO_TLS, PROMPT },
  { "answers the hello in plain text", { port = "plain_at_hello",
    scheme = "https" }, NO_TLS, PROMPT },
  { "wants a certificate, in TLS 1.2", { port = "mutual_12",
    scheme = "https" }, NO_TLS, PROMPT },
  { "wants a certificate, in TLS 1.3", { port = "mutual",
    scheme = "https" }, LATE_NO_TLS, PROMPT },
  { "gets a certificate", { port = "mutual", scheme = "https",
    config = with_key }, SUCCESS, PROMPT },
  { "speaks our protocol", { port = "alpn", scheme = "https",
    config = with_alpn "x-amzn-http-ca" }, SUCCESS, PROMPT },
  { "speaks none of our protocols", { port = "alpn", scheme = "https",
    config = with_alpn "x-unknown" }, NO_TLS, PROMPT },
  { "has not heard of protocols", { port = "https", scheme = "https",
    config = with_alpn "x-amzn-http-ca" }, NO_TLS, PROMPT },
  -- the request
  { "resets within the request", { path = "resets_within", size = MANY },
    CLOSED, 3, rounds = FEW },
  { "takes no body", { path = "takes_nothing", size = MANY,
    config = READS }, SILENT, 3, quick = QUICK, rounds = FEW },
  { "answers 413 to half a body, and waits", { path = "early",
    size = MANY }, rejected "413", 3, rounds = FEW },
  { "answers 413 to half a body, and closes", { path = "early_and_gone",
    size = MANY }, rejected "413", 3, rounds = FEW },
  { "answers half a 413 to half a body", { path = "half_early", size = MANY,
    config = READS }, SILENT, 3, quick = QUICK, rounds = FEW },
  { "answers 200 to half a body", { path = "early_ok", size = MANY },
    NO_HTTP, 3, rounds = FEW },
  -- no answer
  { "is silent after the request", { path = "silent", config = READS },
    SILENT, SOON, quick = QUICK },
  { "is silent over TLS", { path = "silent", scheme = "https",
    config = READS }, SILENT, SOON + PROMPT, quick = { read_timeout = 0.002,
      retries = { total_max_attempts = 1 } } },
  { "closes after the request", { path = "closes" }, CLOSED, PROMPT,
    quick = AS_IT_IS },
  { "closes after the request over TLS", { path = "closes",
    scheme = "https" }, CLOSED, PROMPT },
  { "closes, and it must not be sent twice", { path = "closes",
    config = NEVER_TWICE }, CLOSED_ONCE, PROMPT },
  { "resets after the request", { path = "resets" }, CLOSED, PROMPT },
  { "half-closes", { path = "half_closes" }, CLOSED, PROMPT },
  { "drips the head", { path = "drip_head" }, SUCCESS, 2, rounds = 0 },
  { "drips the head, too long", { path = "drip_head", config = CALL }, LATE,
    2 * SHORT + 0.05, quick = QUICK_CALL },
  { "drips the body", { path = "drip_body", config = CALL }, LATE,
    2 * SHORT + 0.05, quick = QUICK_CALL },
  -- half an answer
  { "closes within the status line", { path = "half_status" }, CLOSED,
    PROMPT },
  { "closes within a header", { path = "half_header" }, CLOSED, PROMPT },
  { "closes within the head", { path = "half_head" }, CLOSED, PROMPT },
  { "closes within the body", { path = "half_body" }, CLOSED, PROMPT },
  { "closes within the body over TLS", { path = "half_body",
    scheme = "https" }, CLOSED, PROMPT },
  { "half-closes within the body", { path = "half_body_half_closed" },
    CLOSED, PROMPT },
  { "resets within the body", { path = "half_reset" }, CLOSED, PROMPT },
  { "closes within a chunk", { path = "half_chunk" }, CLOSED, PROMPT },
  { "closes before the last chunk", { path = "no_last_chunk" }, CLOSED,
    PROMPT },
  { "closes after an interim answer", { path = "only_interim" }, CLOSED,
    PROMPT },
  -- lengths and chunks
  { "announces more than it sends", { path = "announces_more",
    config = READS }, SILENT, SOON, quick = QUICK },
  { "sends more than it announces", { path = "more_than_announced" },
    SUCCESS, PROMPT },
  { "sends more than it announces, in a TLS record of its own",
    { path = "more_in_a_record_of_its_own", scheme = "https" }, SUCCESS,
    PROMPT },
  { "has two lengths", { path = "two_lengths" }, NO_HTTP, PROMPT },
  { "has a length and chunks", { path = "both_framings" }, SUCCESS, PROMPT },
  { "has a length that is no number", { path = "bad_length" }, NO_HTTP,
    PROMPT },
  { "has a length below nothing", { path = "minus_length" }, NO_HTTP,
    PROMPT },
  { "has a length of 100 GB", { path = "huge_length" }, NO_HTTP, PROMPT },
  { "has a chunk of no size", { path = "bad_chunk" }, NO_HTTP, PROMPT },
  { "has a chunk of a wrong size", { path = "long_chunk" }, NO_HTTP,
    PROMPT },
  { "has a chunk of 2^68 bytes", { path = "endless_size" }, NO_HTTP,
    PROMPT },
  { "has a chunk below nothing", { path = "minus_chunk" }, NO_HTTP, PROMPT },
  { "has a coding we do not know", { path = "unknown_coding" }, NO_HTTP,
    PROMPT },
  -- no end
  { "sends a header for ever", { path = "endless_line" }, NO_HTTP, PROMPT },
  { "sends headers for ever", { path = "endless_head" }, NO_HTTP, PROMPT },
  { "sends a body for ever", { path = "endless_body" }, NO_HTTP, 1,
    rounds = FEW },
  { "sends small chunks for ever", { path = "endless_chunks",
    config = CALL }, LATE, 2 * SHORT + 0.05, quick = QUICK_CALL },
  { "sends a chunk's extension for ever", { path = "endless_chunk_line" },
    NO_HTTP, PROMPT },
  { "sends trailers for ever", { path = "endless_trailers" }, NO_HTTP,
    PROMPT },
  { "sends interim answers for ever", { path = "interim_flood" }, NO_HTTP,
    PROMPT },
  { "sends 20 interim answers", { path = "many_interim" }, NO_HTTP, PROMPT },
  { "sends a malformed interim answer", { path = "bad_interim" }, NO_HTTP,
    PROMPT },
  { "sends two interim answers", { path = "continues" }, SUCCESS, PROMPT },
  -- other protocols
  { "speaks HTTP/0.9", { path = "http_09" }, NO_HTTP, PROMPT },
  { "speaks HTTP/1.0", { path = "old_with_length" }, SUCCESS, PROMPT },
  { "speaks HTTP/1.0 to the end", { path = "old_to_the_end" }, SUCCESS,
    PROMPT },
  { "speaks HTTP/2", { path = "http_2" }, NO_HTTP, PROMPT },
  { "speaks SSH", { path = "no_line_end" }, NO_HTTP, PROMPT },
  { "speaks in bytes", { path = "binary" }, NO_HTTP, PROMPT },
  { "switches protocols", { path = "switches" }, NO_HTTP, PROMPT },
  { "has a malformed status", { path = "bad_status" }, NO_HTTP, PROMPT },
  { "has a malformed header", { path = "bad_header" }, NO_HTTP, PROMPT },
  -- what a service says, or a proxy before it
  { "redirects to another host", { path = "redirect" }, rejected "307",
    PROMPT },
  { "answers 301", { path = "says/301/none" }, rejected "301", PROMPT },
  { "answers 304", { path = "says/304/none" }, rejected "304", PROMPT },
  { "answers 400 with a code", { path = "says/400/InvalidRequestException" },
    rejected("InvalidRequestException", "InvalidRequestException"), PROMPT },
  { "answers 400 and throttles", { path = "says/400/ThrottlingException" },
    throttled("ThrottlingException", "ThrottlingException"), PROMPT },
  { "answers 403 with a page", { path = "says/403/html" }, rejected "403",
    PROMPT },
  { "answers 404", { path = "says/404/none" }, rejected "404", PROMPT },
  { "answers 429", { path = "says/429/none" }, throttled "429", PROMPT,
    quick = AS_IT_IS },
  { "answers 429 with a page", { path = "says/429/html" }, throttled "429",
    PROMPT },
  { "answers 429 with a code", { path = "says/429/ThrottlingException" },
    throttled("ThrottlingException", "ThrottlingException"), PROMPT },
  { "answers 500", { path = "says/500/none" }, trouble "500", PROMPT },
  { "answers 500 with a code",
    { path = "says/500/InternalFailureException" },
    trouble("InternalFailureException", "InternalFailureException"),
    PROMPT },
  { "answers 500 with a code in the body",
    { path = "says_in_body/500/InternalFailureException" },
    trouble("InternalFailureException", "InternalFailureException"),
    PROMPT },
  { "answers 500 with what is no JSON", { path = "not_json" },
    trouble "500", PROMPT },
  { "answers 500, compressed", { path = "says/500/gzip" }, trouble "500",
    PROMPT },
  { "answers 501", { path = "says/501/none" },
    { "ClientError", "unknown", 1, "501" }, PROMPT },
  { "answers 502", { path = "says/502/none" }, trouble "502", PROMPT },
  { "answers 502 with a page", { path = "says/502/html" }, trouble "502",
    PROMPT },
  { "answers 503", { path = "says/503/none" }, trouble "503", PROMPT },
  { "answers 503 with a code",
    { path = "says/503/ServiceUnavailableException" },
    trouble("ServiceUnavailableException", "ServiceUnavailableException"),
    PROMPT },
  { "answers 503 and throttles", { path = "says/503/SlowDown" },
    throttled "SlowDown", PROMPT },
  { "answers 503 with a page over TLS", { path = "says/503/html",
    scheme = "https" }, trouble "503", PROMPT },
  { "answers 504", { path = "says/504/none" }, trouble "504", PROMPT },
  { "answers 504 with a page", { path = "says/504/html" }, trouble "504",
    PROMPT },
  { "answers 500, and it must not be sent twice",
    { path = "says/500/none", config = NEVER_TWICE },
    { "ClientError", "unknown", 1, "500" }, PROMPT },
  { "answers 429, and it must not be sent twice",
    { path = "says/429/none", config = NEVER_TWICE }, throttled "429",
    PROMPT },
  { "answers 200, compressed", { path = "compressed" }, SUCCESS, PROMPT },
  -- a kept connection
  { "closed what was kept", { warm = 1, before = close_all }, SUCCESS,
    PROMPT, seen = 2 },
  { "closed what was kept over TLS", { warm = 1, before = close_all,
    scheme = "https" }, SUCCESS, PROMPT, seen = 2 },
  { "reset what was kept", { warm = 1, before = reset_all }, SUCCESS,
    PROMPT, seen = 2 },
  { "wrote to what was kept", { warm = 1, before = stray_all }, SUCCESS,
    PROMPT, seen = 2 },
  { "half-closed what was kept", { path = "ok_and_half_closes", warm = 1 },
    SUCCESS, PROMPT, seen = 2 },
  { "closes the second time", { path = "second_closes", warm = 1 }, SUCCESS,
    PROMPT, seen = 3 },
  { "resets the second time", { path = "second_resets", warm = 1 }, SUCCESS,
    PROMPT, seen = 3 },
  { "closes the second time, and it must not be sent twice",
    { path = "second_closes", warm = 1, config = NEVER_TWICE }, CLOSED_ONCE,
    PROMPT, seen = 2 },
  { "closes the second time, and refuses what is repeated",
    { path = "refuses_again", warm = 1 },
    { "ClientError", "unknown", 1, "403" }, PROMPT, seen = 3 },
  { "hangs up on the second body", { path = "second_hangs_up", warm = 1,
    size = MANY }, SUCCESS, 3, seen = 3, rounds = FEW },
  { "begins the second answer", { path = "second_begins", warm = 1 }, TWICE,
    PROMPT, seen = 3 },
  -- before it; spec/transport/proxy_spec.lua has all that a proxy can do
  { "is behind a proxy that is dead", { path = "ok", scheme = "https",
    config = behind "closed" }, NO_PROXY, PROMPT, seen = false },
  { "is behind a proxy that hangs", { path = "ok", scheme = "https",
    config = behind "mute" }, NO_PROXY, SOON, seen = false, quick = QUICK },
  { "is behind a proxy that refuses to tunnel", { path = "ok",
    scheme = "https", config = behind "http" }, NO_PROXY, PROMPT,
    seen = false },
}

-- Played with spec/support/slow_names.c preloaded, in a process of their own.
faults.of_names = {
  { "is of no known name", { host = "nobody.invalid" }, REFUSED, PROMPT,
    seen = false },
  { "has a name server that never answers", { host = "nobody.silent",
    config = CONNECTS }, NOT_IN_TIME, SOON, seen = false, rounds = 0 },
  { "has a name server that answers late", { host = "nobody.slow",
    config = { connect_timeout = 0.01 } }, NOT_IN_TIME, SOON, seen = false },
}

-- All of them, where there is a server of names that treats them so.
faults.with_names = {}
for _, list in ipairs { faults, faults.of_names } do
  for _, fault in ipairs(list) do
    faults.with_names[#faults.with_names + 1] = fault
  end
end

return faults
