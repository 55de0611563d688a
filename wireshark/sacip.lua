-- SPDX-License-Identifier: BSD-3-Clause
--
-- Wireshark dissector for the SACIP notifications: the basic one (ICMP type 20, code 0) and the
-- secure one (ICMP type 20, code 1, or UDP port 4720).
--
--   tshark -X lua_script:wireshark/sacip.lua -r FILE -Y sacip
--   or copy this file into Wireshark's personal Lua plugin folder (Help, About, Folders)
--
-- ICMP has no table for types, so this stands in front of the ICMP dissector: that one is always
-- called first and its fields (icmp.type, icmp.checksum) stay; a SACIP tree is added behind it.
-- Nothing is read without asking whether it is there: what is missing becomes an expert info.

local sacip = Proto("sacip", "SACIP notification")

local magic_number = 0x5AC1
local version_number = 2
local header_length = 32
local tag_length = 16
local largest_message = 1200
local tuple_length = 38  -- the wire 5-tuple of SOLICIT
local entry_length = 45  -- an entry of BIND

local kinds = {
    [1] = "HELLO", [2] = "HELLO_ACK", [3] = "BIND", [4] = "BIND_ACK",
    [5] = "SOLICIT", [6] = "SOLICIT_ACK", [7] = "PROBE", [8] = "PROBE_ACK",
}
local statuses = { [0] = "applied", [1] = "stale", [2] = "validate", [3] = "refused" }
local families = { [4] = "IPv4", [6] = "IPv6" }
local carriers = { [0] = "ICMP code 0 (basic)", [1] = "ICMP code 1", [2] = "UDP" }

local f = {
    carrier = ProtoField.uint8("sacip.carrier", "Carrier", base.DEC, carriers),
    old_address = ProtoField.ipv4("sacip.basic.old_address", "Old address"),
    new_address = ProtoField.ipv4("sacip.basic.new_address", "New address"),

    magic = ProtoField.uint16("sacip.magic", "Magic", base.HEX),
    version = ProtoField.uint8("sacip.version", "Version"),
    kind = ProtoField.uint8("sacip.kind", "Kind", base.DEC, kinds),
    length = ProtoField.uint16("sacip.length", "Length of body"),
    flags = ProtoField.uint16("sacip.flags", "Flags", base.HEX),
    old_lost = ProtoField.bool("sacip.flags.old_lost", "Old address is lost", 16, nil, 0x0001),
    nat = ProtoField.bool("sacip.flags.nat", "NAT mode", 16, nil, 0x0002),
    sender = ProtoField.uint64("sacip.sender", "Sender", base.HEX),
    epoch = ProtoField.uint64("sacip.epoch", "Epoch"),
    epoch_time = ProtoField.absolute_time("sacip.epoch_time", "Epoch as time", base.UTC),
    sequence = ProtoField.uint64("sacip.sequence", "Sequence"),
    tag = ProtoField.bytes("sacip.tag", "Tag (not checked)"),
    trailing = ProtoField.bytes("sacip.trailing", "Bytes that should not be there"),

    public_key = ProtoField.bytes("sacip.hello.public_key", "Public key"),
    capabilities = ProtoField.uint32("sacip.hello.capabilities", "Capabilities", base.HEX),
    checksum_mode = ProtoField.uint8("sacip.hello.checksum_mode", "Checksum mode"),
    challenge = ProtoField.bytes("sacip.challenge", "Challenge"),
    echo = ProtoField.bytes("sacip.echo", "Echo of the other's challenge"),
    reserved = ProtoField.bytes("sacip.reserved", "Reserved"),

    count = ProtoField.uint16("sacip.bind.count", "Count"),
    entry = ProtoField.none("sacip.bind.entry", "Binding"),
    preference = ProtoField.uint8("sacip.bind.preference", "Preference"),
    lifetime = ProtoField.uint32("sacip.bind.lifetime", "Lifetime (s)"),
    prefix_family = ProtoField.uint8("sacip.bind.family", "Family", base.DEC, families),
    original_length = ProtoField.uint8("sacip.bind.original_length", "Original prefix length"),
    original_v4 = ProtoField.ipv4("sacip.bind.original", "Original"),
    original_v6 = ProtoField.ipv6("sacip.bind.original6", "Original"),
    active_length = ProtoField.uint8("sacip.bind.active_length", "Active prefix length"),
    active_v4 = ProtoField.ipv4("sacip.bind.active", "Active"),
    active_v6 = ProtoField.ipv6("sacip.bind.active6", "Active"),

    ack_epoch = ProtoField.uint64("sacip.bind_ack.epoch", "Epoch of the BIND"),
    ack_sequence = ProtoField.uint64("sacip.bind_ack.sequence", "Sequence of the BIND"),
    ack_status = ProtoField.uint8("sacip.bind_ack.status", "Status", base.DEC, statuses),
    ack_reason = ProtoField.uint8("sacip.bind_ack.reason", "Reason"),

    family = ProtoField.uint8("sacip.flow.family", "Family", base.DEC, families),
    protocol = ProtoField.uint8("sacip.flow.protocol", "Protocol"),
    source_port = ProtoField.uint16("sacip.flow.source_port", "Source port"),
    destination_port = ProtoField.uint16("sacip.flow.destination_port", "Destination port"),
    source_v4 = ProtoField.ipv4("sacip.flow.source", "Source"),
    source_v6 = ProtoField.ipv6("sacip.flow.source6", "Source"),
    destination_v4 = ProtoField.ipv4("sacip.flow.destination", "Destination"),
    destination_v6 = ProtoField.ipv6("sacip.flow.destination6", "Destination"),
    original_source_v4 = ProtoField.ipv4("sacip.solicit_ack.source", "Original source"),
    original_source_v6 = ProtoField.ipv6("sacip.solicit_ack.source6", "Original source"),
    original_destination_v4 =
        ProtoField.ipv4("sacip.solicit_ack.destination", "Original destination"),
    original_destination_v6 =
        ProtoField.ipv6("sacip.solicit_ack.destination6", "Original destination"),
    solicit_status = ProtoField.uint8("sacip.solicit_ack.status", "Status"),

    nonce = ProtoField.bytes("sacip.probe.nonce", "Nonce"),
    send_time = ProtoField.uint64("sacip.probe.send_time", "Send time"),
    padding = ProtoField.bytes("sacip.probe.padding", "Padding"),
}
sacip.fields = f

local function malformed(name, text)
    return ProtoExpert.new("sacip.expert." .. name, text, expert.group.MALFORMED,
        expert.severity.ERROR)
end
local e = {
    magic = malformed("magic", "The magic number is not 0x5ac1"),
    version = malformed("version", "Unknown version"),
    kind = malformed("kind", "Unknown kind"),
    length = malformed("length", "Wrong length"),
    family = malformed("family", "Unknown address family"),
    prefix = malformed("prefix", "Wrong prefix length"),
}
sacip.experts = e

sacip.prefs.icmp_type = Pref.enum("ICMP type", 20, "protocol.icmp_type of the gateways",
    { { 1, "20", 20 }, { 2, "253", 253 }, { 3, "254", 254 } }, false)
sacip.prefs.udp_port = Pref.uint("UDP port", 4720, "protocol.udp_port of the gateways")

-- A reader walks over the bytes and never beyond them.
local Reader = {}
Reader.__index = Reader

local function reader(range_of, tree, from, to)
    return setmetatable({ tvb = range_of, tree = tree, at = from, to = to }, Reader)
end

-- Takes `size` bytes under `field` and returns their range; nil if they are not there.
function Reader:take(field, size)
    if self.at + size > self.to then
        self.at = self.to
        return nil
    end
    local range = self.tvb(self.at, size)
    self.at = self.at + size
    self.item = self.tree:add(field, range)
    return range
end

function Reader:skip(size)
    if size > 0 then
        self:take(f.reserved, size)
    end
end

-- A 16-byte address; IPv4 is in the first 4.
function Reader:address(family, v4, v6)
    if self.at + 16 > self.to then
        self.at = self.to
        return "?"
    end
    local range = self.tvb(self.at, 16)
    self.at = self.at + 16
    if family == 4 then
        self.item = self.tree:add(v4, range(0, 4))
        return tostring(range(0, 4):ipv4())
    end
    self.item = self.tree:add(v6, range)
    return tostring(range:ipv6())
end

local function check_family(r, range)
    local family = range and range:uint() or 0
    if range and not families[family] then
        r.item:add_proto_expert_info(e.family)
    end
    return family
end

-- An original or active prefix as text.
local function read_prefix(r, length_field, v4, v6)
    local family = check_family(r, r:take(f.prefix_family, 1))
    local length = r:take(length_field, 1)
    length = length and length:uint() or 0
    if length > (family == 4 and 32 or 128) then
        r.item:add_proto_expert_info(e.prefix)
    end
    r:skip(2)
    return r:address(family, v4, v6) .. "/" .. length, length
end

local function read_hello(r)
    r:take(f.public_key, 32)
    r:take(f.capabilities, 4)
    r:take(f.checksum_mode, 1)
    r:skip(3)
    r:take(f.challenge, 16)
    r:take(f.echo, 16)
    return ""
end

local function read_entry(r)
    local outer = r.tree
    local item = outer:add(f.entry, r.tvb(r.at, entry_length))
    r.tree = item
    local original, original_length = read_prefix(r, f.original_length, f.original_v4, f.original_v6)
    local active, active_length = read_prefix(r, f.active_length, f.active_v4, f.active_v6)
    if original_length ~= active_length then
        item:add_proto_expert_info(e.prefix, "The two prefixes differ in length")
    end
    r:take(f.preference, 1)
    r:take(f.lifetime, 4)
    r.tree = outer
    local text = original .. " -> " .. active
    item:append_text(": " .. text)
    return text
end

local function read_bind(r)
    r:take(f.echo, 16)
    local count = r:take(f.count, 2)
    count = count and count:uint() or 0
    local count_item = r.item
    r:skip(2)
    local texts = {}
    for _ = 1, count do
        if r.at + entry_length > r.to then
            count_item:add_proto_expert_info(e.length, "More bindings counted than there are")
            break
        end
        texts[#texts + 1] = read_entry(r)
    end
    return " " .. table.concat(texts, ", ")
end

local function read_bind_ack(r)
    r:take(f.ack_epoch, 8)
    local sequence = r:take(f.ack_sequence, 8)
    local status = r:take(f.ack_status, 1)
    r:take(f.ack_reason, 1)
    r:skip(2)
    r:take(f.challenge, 16)
    return string.format(" of %s: %s", sequence and tostring(sequence:uint64()) or "?",
        status and (statuses[status:uint()] or "status " .. status:uint()) or "?")
end

local function read_flow(r)
    local family = check_family(r, r:take(f.family, 1))
    local protocol = r:take(f.protocol, 1)
    local source_port = r:take(f.source_port, 2)
    local destination_port = r:take(f.destination_port, 2)
    local source = r:address(family, f.source_v4, f.source_v6)
    local destination = r:address(family, f.destination_v4, f.destination_v6)
    local function text(range)
        return range and range:uint() or "?"
    end
    return string.format(" %s:%s -> %s:%s protocol %s", source, text(source_port), destination,
        text(destination_port), text(protocol)), family
end

local function read_solicit_ack(r)
    local flow, family = read_flow(r)
    local source = r:address(family, f.original_source_v4, f.original_source_v6)
    local destination = r:address(family, f.original_destination_v4, f.original_destination_v6)
    r:take(f.solicit_status, 1)
    r:skip(7)
    return string.format("%s was %s -> %s", flow, source, destination)
end

local function read_probe(r)
    r:take(f.nonce, 8)
    r:take(f.send_time, 8)
    if r.at < r.to then
        r:take(f.padding, r.to - r.at)
    end
    return ""
end

-- By kind: the reader, the least length of the body, whether it may be longer.
local bodies = {
    [1] = { read_hello, 72 }, [2] = { read_hello, 72 },
    [3] = { read_bind, 20, true }, [4] = { read_bind_ack, 36 },
    [5] = { read_flow, tuple_length }, [6] = { read_solicit_ack, tuple_length + 40 },
    [7] = { read_probe, 16, true }, [8] = { read_probe, 16, true },
}

-- Marks the message as bad, in the tree and in the Info column; returns the text for the latter.
local function complain(item, which, text)
    item:add_proto_expert_info(which, text)
    return " [" .. text .. "]"
end

local function dissect_header(r)
    local bad = ""
    local magic = r:take(f.magic, 2)
    if magic and magic:uint() ~= magic_number then
        bad = bad .. complain(r.item, e.magic, "bad magic")
    end
    local version = r:take(f.version, 1)
    if version and version:uint() ~= version_number then
        bad = bad .. complain(r.item, e.version, "bad version")
    end
    local kind = r:take(f.kind, 1)
    kind = kind and kind:uint()
    if kind and not kinds[kind] then
        bad = bad .. complain(r.item, e.kind, "unknown kind")
    end
    local length = r:take(f.length, 2)
    length = length and length:uint()
    local length_item = r.item
    local flags = r:take(f.flags, 2)
    if flags then
        r.item:add(f.old_lost, flags)
        r.item:add(f.nat, flags)
    end
    r:take(f.sender, 8)
    local epoch = r:take(f.epoch, 8)
    if epoch then
        local microseconds = epoch:uint64()
        local time = NSTime((microseconds / 1000000):tonumber(),
            (microseconds % 1000000):tonumber() * 1000)
        r.item:add(f.epoch_time, epoch, time):set_generated()
    end
    local sequence = r:take(f.sequence, 8)
    return kind, length, length_item, sequence and tostring(sequence:uint64()) or "?", bad
end

local function dissect_secure(tvb, pinfo, tree)
    local size = tvb:reported_len()
    local there = tvb:captured_len()
    local r = reader(tvb, tree, 0, there)
    local kind, length, length_item, sequence, bad = dissect_header(r)
    local name = kinds[kind] or ("kind " .. tostring(kind or "?"))
    local text = ""
    if size < header_length + tag_length or not length then
        bad = bad .. complain(tree, e.length, "truncated: shorter than header and tag")
    else
        local body_end = header_length + length
        if body_end + tag_length ~= size then
            bad = bad .. complain(length_item, e.length, string.format(
                "bad length: body of %d makes %d bytes, there are %d", length,
                body_end + tag_length, size))
        elseif size > largest_message then
            bad = bad .. complain(length_item, e.length, "bad length: more than 1200 bytes")
        end
        r.to = math.min(body_end, there)
        local body = bodies[kind]
        if body then
            if length < body[2] or (length > body[2] and not body[3]) then
                bad = bad .. complain(length_item, e.length,
                    string.format("bad length: not that of a %s", name))
            end
            text = body[1](r)
        end
        if r.at < r.to then
            r:take(f.trailing, r.to - r.at)
            if kind == 3 then
                bad = bad .. complain(r.item, e.length, "bad length: bytes behind the bindings")
            end
        end
        r.to = there
        if body_end + tag_length <= there then
            r.at = body_end
            r:take(f.tag, tag_length)
        end
        if r.at < r.to then
            r:take(f.trailing, r.to - r.at)
        end
    end
    return string.format("%s seq %s%s%s", name, sequence, text, bad)
end

local function dissect_basic(tvb, pinfo, tree)
    local r = reader(tvb, tree, 0, tvb:captured_len())
    local old = tostring(pinfo.src)
    tree:add(f.old_address, pinfo.src):set_generated()
    local new = r:take(f.new_address, 4)
    local text = string.format("basic: %s is now %s", old, new and tostring(new:ipv4()) or "?")
    if tvb:reported_len() ~= 4 then
        if r.at < r.to then
            r:take(f.trailing, r.to - r.at)
        end
        text = text .. complain(tree, e.length, "bad length: must be 8 bytes of ICMP")
    end
    return text
end

local function dissect(tvb, pinfo, root, carrier)
    local tree = root:add(sacip, tvb())
    tree:add(f.carrier, carrier):set_generated()
    local basic = carrier == 0
    local text = (basic and dissect_basic or dissect_secure)(tvb, pinfo, tree)
    tree:append_text(", " .. text)
    pinfo.cols.protocol:set("SACIP")
    pinfo.cols.info:set(text)
    return tvb:captured_len()
end

function sacip.dissector(tvb, pinfo, root)
    return dissect(tvb, pinfo, root, 2)
end

-- In front of ICMP.
local icmp = Dissector.get("icmp")
local front = Proto("sacip_icmp", "SACIP in ICMP")

function front.dissector(tvb, pinfo, root)
    -- It calls a packet of less than 6 bytes malformed and gives up; we do not.
    local whole, used = pcall(function() return icmp:call(tvb, pinfo, root) end)
    if tvb:captured_len() >= 4 and tvb(0, 1):uint() == sacip.prefs.icmp_type then
        local code = tvb(1, 1):uint()
        if code <= 1 then
            if tvb:captured_len() > 4 then
                dissect(tvb(4):tvb(), pinfo, root, code)
            else
                local tree = root:add(sacip, tvb())
                tree:add(f.carrier, code):set_generated()
                pinfo.cols.protocol:set("SACIP")
                pinfo.cols.info:set("empty" .. complain(tree, e.length, "truncated: empty"))
            end
        end
    end
    return whole and used or tvb:captured_len()
end
DissectorTable.get("ip.proto"):add(1, front)

local udp_ports = DissectorTable.get("udp.port")
local port_now = sacip.prefs.udp_port
udp_ports:add(port_now, sacip)

function sacip.prefs_changed()
    if sacip.prefs.udp_port ~= port_now then
        if port_now ~= 0 then
            udp_ports:remove(port_now, sacip)
        end
        port_now = sacip.prefs.udp_port
        if port_now ~= 0 then
            udp_ports:add(port_now, sacip)
        end
    end
end
