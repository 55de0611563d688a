// SPDX-License-Identifier: BSD-3-Clause
//
// Receipts: good for the peer, the address, the hour and the private key they were written with.
#include "sacip_core/wire/receipt.hpp"

#include "tests/support/secrets.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

TEST(Receipt, NothingOfItCanBeChanged) {
    test::for_all(20, [](test::Random& random) {
        const auto own = test::random_bytes(random, 32);
        const auto key = ReceiptKey::of(test::secret_of<PrivateKey>(own)).value();
        const auto standby = ReceiptKey::of(test::secret_of<PrivateKey>(own)).value();
        const auto peer = test::random_bytes(random, 32);
        const auto peer_key = test::value_of<PublicKey>(peer);
        const IpAddr address = random.one_in(2) ? IpAddr{Ipv4Addr{Be32{random.any<uint32_t>()}}}
                                                : IpAddr{random.next(), random.next()};
        const Hour hour{random.any<uint32_t>()};
        const Tag receipt = key.write(peer_key, address, hour).value();
        EXPECT_TRUE(standby.is_ours(receipt, peer_key, address, hour));
        for (size_t bit = 0; bit < 256; bit++) {
            const auto other_peer = test::value_of<PublicKey>(test::with_flipped(peer, bit));
            EXPECT_FALSE(key.is_ours(receipt, other_peer, address, hour));
            const auto other_key =
                ReceiptKey::of(test::secret_of<PrivateKey>(test::with_flipped(own, bit))).value();
            EXPECT_FALSE(other_key.is_ours(receipt, peer_key, address, hour));
        }
        for (size_t bit = 0; bit < 128; bit++) {
            const uint64_t one = uint64_t{1} << (bit % 64);
            const IpAddr other{address.high() ^ (bit < 64 ? one : 0),
                               address.low() ^ (bit < 64 ? 0 : one)};
            EXPECT_FALSE(key.is_ours(receipt, peer_key, other, hour));
            const auto changed = test::with_flipped(test::bytes_of(receipt.bytes), bit);
            EXPECT_FALSE(key.is_ours(test::value_of<Tag>(changed), peer_key, address, hour));
        }
        for (size_t bit = 0; bit < 32; bit++) {
            EXPECT_FALSE(
                key.is_ours(receipt, peer_key, address, Hour{hour.value ^ (uint32_t{1} << bit)}));
        }
    });
    EXPECT_FALSE(ReceiptKey::of(PrivateKey{}));
}

} // namespace
} // namespace sacip
