-- FACTSTR from LuaJIT, by its C interface: luajit course.lua [DATABASE]
local ffi = require("ffi")

ffi.cdef [[
typedef struct { char *data; size_t len; } factstr_buffer;
void factstr_buffer_free(factstr_buffer *buffer);
const char *factstr_status_name(int32_t status);
int32_t factstr_sqlite_open(const char *path, const char *options, size_t options_len,
                            uint64_t *store, factstr_buffer *error);
int32_t factstr_store_close(uint64_t store, factstr_buffer *error);
int32_t factstr_query(uint64_t store, const char *query, size_t query_len, factstr_buffer *out);
int32_t factstr_append_if(uint64_t store, const char *events, size_t events_len, const char *query,
                          size_t query_len, const uint64_t *expected, factstr_buffer *out);
]]

local lib = ffi.load("factstr")
local OK, CONFLICT = 0, 11

-- Makes a call and takes its text: the result, or the error where the status is not OK.
local function call(f, ...)
  local buffer = ffi.new("factstr_buffer")
  local arguments = { ... }
  arguments[#arguments + 1] = buffer
  local status = f(unpack(arguments))
  local text = ""
  if buffer.data ~= nil then text = ffi.string(buffer.data, buffer.len) end
  lib.factstr_buffer_free(buffer)
  return status, text
end

local function check(status, text)
  if status ~= OK then error(ffi.string(lib.factstr_status_name(status)) .. " " .. text, 0) end
  return text
end

local seats = '{"filters":[{"event_types":["Enrolled"],"payload_predicates":[{"course":"go"}]}]}'

-- A course takes two students, and each of them once, whoever else enrols meanwhile.
local function enrol(store, student)
  while true do
    local seen = check(call(lib.factstr_query, store, seats, #seats))
    if seen:find('"student":"' .. student .. '"', 1, true) then return "is in already" end
    local _, taken = seen:gsub('"event_type":"Enrolled"', "")
    if taken >= 2 then return "finds the course full" end
    -- Enough for this text; use a JSON library in a program of your own.
    local version = seen:match('"current_context_version":(%d+)')
    local expected = version and ffi.new("uint64_t[1]", tonumber(version)) or ffi.cast("uint64_t *", nil)
    local events = '[{"event_type":"Enrolled","payload":{"course":"go","student":"' .. student .. '"}}]'
    local status, text = call(lib.factstr_append_if, store, events, #events, seats, #seats, expected)
    if status == OK then return "is enrolled" end
    if status ~= CONFLICT then check(status, text) end
    -- Others were faster: look again.
  end
end

local opened = ffi.new("uint64_t[1]")
local path = arg[1] or "course.db"
do
  local buffer = ffi.new("factstr_buffer")
  local status = lib.factstr_sqlite_open(path, nil, 0, opened, buffer)
  check(status, buffer.data ~= nil and ffi.string(buffer.data, buffer.len) or "")
end
for _, student in ipairs({ "Ada", "Ben", "Ben", "Cleo" }) do
  print(student .. " " .. enrol(opened[0], student))
end
check(call(lib.factstr_store_close, opened[0]))
