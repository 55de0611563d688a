// SPDX-License-Identifier: BSD-3-Clause
//
// Transport messages: each once, in any order, under a counter that nobody can choose.
#include "sacip_core/wire/transport.hpp"

#include "tests/support/secrets.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;

struct TransportTest : testing::Test {
    test::Random random{test::seed()};
    Bytes key = test::random_bytes(random, 32);
    Sealer sealer{test::secret_of<TransportKey>(key)};
    Opener opener{test::secret_of<TransportKey>(key)};
    Bytes header = test::random_bytes(random, 16);
    Bytes text = test::random_bytes(random, 200);
    Bytes out = Bytes(200);

    Bytes seal() {
        Bytes sealed(text.size() + aead_tag_bytes);
        EXPECT_TRUE(sealer.seal(header, text, sealed));
        return sealed;
    }
    Opened open(uint64_t counter, const Bytes& sealed) {
        return opener.open(MessageCounter{counter}, header, sealed, out);
    }
};

TEST_F(TransportTest, EachOnceInAnyOrder) {
    std::vector<Bytes> sealed;
    for (uint64_t i = 0; i < 50; i++) {
        EXPECT_EQ(sealer.next().value, i);
        sealed.push_back(seal());
    }
    for (uint64_t i : {49, 0, 7, 48, 1}) {
        EXPECT_EQ(open(i, sealed[i]), Opened::fresh);
        EXPECT_EQ(out, text);
        EXPECT_EQ(open(i, sealed[i]), Opened::replayed);
    }
    EXPECT_EQ(open(2, sealed[3]), Opened::forged);
}

/// What is not the peer's must not move the window, or anybody could make it deaf.
TEST_F(TransportTest, ForgedOnesLeaveTheWindow) {
    const Bytes first = seal();
    for (const uint64_t counter : {uint64_t{0}, uint64_t{5000}, max_transport_messages - 1}) {
        EXPECT_EQ(open(counter, test::with_flipped(first, 9)), Opened::forged);
    }
    EXPECT_EQ(open(0, first), Opened::fresh);
}

TEST_F(TransportTest, OlderThanTheWindowIsReplayed) {
    const Bytes first = seal();
    while (sealer.next().value < CounterWindow::width) {
        seal();
    }
    const uint64_t last = sealer.next().value;
    EXPECT_EQ(open(last, seal()), Opened::fresh);
    EXPECT_EQ(open(0, first), Opened::replayed);
}

TEST_F(TransportTest, TheLastMessage) {
    sealer = Sealer{test::secret_of<TransportKey>(key), MessageCounter{max_transport_messages - 1}};
    EXPECT_EQ(open(max_transport_messages - 1, seal()), Opened::fresh);
    Bytes sealed(text.size() + aead_tag_bytes);
    EXPECT_FALSE(sealer.seal(header, text, sealed));
    EXPECT_EQ(sealer.next().value, max_transport_messages);
    // Even a right one: whoever sealed it does not keep to the limit.
    ASSERT_TRUE(aead_seal(std::span<const std::byte, 32>{key}, max_transport_messages, header, text,
                          sealed));
    EXPECT_EQ(open(max_transport_messages, sealed), Opened::forged);
}

TEST_F(TransportTest, WithoutRoomOrKeyNoCounterIsSpent) {
    Bytes small(text.size() + aead_tag_bytes - 1);
    EXPECT_FALSE(sealer.seal(header, text, small));
    EXPECT_EQ(sealer.next().value, 0U);
    Bytes sealed(text.size() + aead_tag_bytes);
    EXPECT_FALSE(Sealer{}.seal(header, text, sealed));
    EXPECT_EQ(Opener{}.open(MessageCounter{0}, header, seal(), out), Opened::forged);
}

} // namespace
} // namespace sacip
