-- What every Lua from 5.1 to 5.4 and LuaJIT has, and nothing else.
std = "min"
max_line_length = 79

-- OpenResty's API, where it is called.
files["lua/iotdataplane/transport/nginx.lua"] = { read_globals = { "ngx" } }

files["spec"] = { std = "+busted" }
