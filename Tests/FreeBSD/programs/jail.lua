-- FreeBSD's jail(3lua), as far as its tests use it: by jail(8) and jls(8).
local jail = { CREATE = 1, UPDATE = 2 }

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- A value that is false or an empty table is none: of a key of meta or env, it is taken away.
local function word(name, value)
    local isNone = value == false or type(value) == "table"
    return quoted(isNone and name or name .. "=" .. tostring(value))
end

function jail.setparams(name, parameters, flags)
    local command = { "jail", flags == jail.CREATE and "-c" or "-m", quoted("name=" .. name) }
    for parameter, value in pairs(parameters) do command[#command + 1] = word(parameter, value) end
    assert(os.execute(table.concat(command, " ")))
end

function jail.getparams(name, parameters)
    local values = {}
    for _, parameter in ipairs(parameters) do
        local output = assert(io.popen("jls -j " .. quoted(name) .. " " .. quoted(parameter)))
        local text = output:read("a"):gsub("\n$", "")
        assert(output:close())
        if text == '""' then values[parameter] = "" elseif text ~= "" then values[parameter] = text end
    end
    return name, values
end

return jail
