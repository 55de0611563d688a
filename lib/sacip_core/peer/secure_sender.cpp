// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/secure_sender.hpp"

namespace sacip {

/// The outside port that this address of ours is bound to; no_port where the route decides.
PortId SecureSender::port_of(IpAddr source) const {
    if (const auto port = r_.resolver.port_of_source(source)) {
        return *port;
    }
    if (const auto around = r_.cache.mappings().around_wire(source); !around.empty()) {
        return r_.cache.mappings()[around.front()].port;
    }
    const auto locals = r_.cache.locals_active_in(IpPrefix::host(source));
    return locals.empty() ? no_port : r_.cache.mappings()[r_.cache.at(locals.front()).mapping].port;
}

bool SecureSender::send(const Outgoing& message_out, const CarrierRoute& route) {
    const SecureAddresses& between = route.addresses;
    const Adjacency hop = r_.resolver.outward(
        {between.destination, between.source, between.source, port_of(between.source), {}, true});
    if (hop.state == Adjacency::State::unresolved) {
        r_.actions.resolve(hop.neighbour);
    }
    if (hop.state != Adjacency::State::ready) {
        return false;
    }
    std::array<std::byte, secure_message_max_bytes> message;
    const SecureHeader header{r_.identity.sender, r_.identity.epoch, message_out.sequence,
                              message_out.flags};
    const size_t length = encode(header, message_out.body, message);
    const std::span<std::byte> sealed{message.data(), length};
    if (length == 0 || !seal(sealed, r_.identity.peers[message_out.peer].send, route.addresses)) {
        return false;
    }
    std::array<std::byte, secure_frame_max_bytes> frame;
    const size_t bytes =
        encode_carrier(sealed, route, r_.boot.protocol.icmp_type, hop.ether, frame);
    const OwnedPacket packet = r_.io.allocate(static_cast<uint32_t>(bytes));
    if (packet.owner == nullptr) {
        return false;
    }
    std::copy_n(frame.data(), bytes, packet.frame.data);
    if (!r_.io.transmit(hop.port, packet)) {
        return false;
    }
    sent_[static_cast<size_t>(kind_of(message_out.body))].add();
    return true;
}

bool SecureSender::send(const Outgoing& message_out, const SecureAddresses& between,
                        std::optional<Carrier> only) {
    const L4Port port{r_.boot.protocol.udp_port};
    bool left = false;
    if (only != Carrier::udp) {
        left = send(message_out, {Carrier::icmp, between, {}, {}}) || left;
    }
    if (only != Carrier::icmp) {
        left = send(message_out, {Carrier::udp, between, port, port}) || left;
    }
    return left;
}

} // namespace sacip
