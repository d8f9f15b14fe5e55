rockspec_format = "3.0"
package = "iotdataplane"
version = "dev-1"

source = {
  url = "git+https://github.com/iotdataplane/iotdataplane.git",
  branch = "main",
}

description = {
  summary = "Publishes MQTT messages to AWS IoT Core over HTTPS",
  detailed = [[
Like boto3's client("iot-data").publish: its parameters, errors and retries,
and byte for byte its requests. The core is in C; it signs with libcrypto and
connects by libcurl.]],
  homepage = "https://github.com/iotdataplane/iotdataplane",
  issues_url = "https://github.com/iotdataplane/iotdataplane/issues",
  license = "MIT",
  labels = { "aws", "iot", "mqtt", "http" },
}

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
}

-- No header for CURL: Debian keeps curl/curl.h where LuaRocks does not look.
external_dependencies = {
  CRYPTO = { header = "openssl/evp.h", library = "crypto" },
  CURL = { library = "curl" },
}

-- LuaRocks copies lua/ by itself.
build = {
  type = "builtin",
  modules = {
    ["iotdataplane.core"] = {
      sources = {
        "csrc/buf.c", "csrc/uri.c", "csrc/encode.c", "csrc/header.c",
        "csrc/framing.c", "csrc/http1.c", "csrc/request.c", "csrc/sigv4.c",
        "csrc/crypto.c", "csrc/certificate.c", "csrc/spawn.c",
        "csrc/process.c", "csrc/clock.c",
        "csrc/lcore.c", "csrc/lcompose.c", "csrc/lfields.c", "csrc/lreader.c",
        "csrc/lrecord.c", "csrc/lsign.c", "csrc/lspawn.c",
      },
      libraries = { "crypto", "pthread" },
      incdirs = { "csrc", "$(CRYPTO_INCDIR)" },
      libdirs = { "$(CRYPTO_LIBDIR)" },
    },
    ["iotdataplane.curl"] = {
      sources = {
        "csrc/buf.c", "csrc/header.c", "csrc/framing.c", "csrc/http1.c",
        "csrc/request.c", "csrc/curl_openssl.c", "csrc/curl_options.c",
        "csrc/curl_pipe.c", "csrc/curl_share.c", "csrc/curl_tls.c",
        "csrc/curl_trust.c", "csrc/exchange.c",
        "csrc/heap.c", "csrc/loop.c", "csrc/poller.c", "csrc/pool.c",
        "csrc/socket.c", "csrc/wait.c", "csrc/watch.c", "csrc/lcurl.c",
        "csrc/lexchange.c", "csrc/lfields.c", "csrc/lloop.c",
        "csrc/lrecord.c", "csrc/lwake.c", "csrc/process.c", "csrc/clock.c",
      },
      libraries = { "curl", "pthread" },
      incdirs = { "csrc", "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
  },
}
