// SPDX-License-Identifier: BSD-3-Clause
//
// The handshake by its properties: what both ends get, and that all that is not right is refused
// for the reason it says, and changes nothing.
#include "sacip_core/wire/noise.hpp"

#include "tests/support/secrets.hpp"

#include <gtest/gtest.h>

namespace sacip::noise {
namespace {

using test::Bytes;
using test::for_all;
using test::from_hex;
using test::Random;
using test::random_bytes;

template <typename T>
Error error_of(const std::variant<T, Error>& result) {
    const auto* error = std::get_if<Error>(&result);
    EXPECT_NE(error, nullptr) << "was not refused";
    return error != nullptr ? *error : Error{0xFF};
}

/// The points of low order and their twins, RFC 7748 §7.
const char* const low_order_keys[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/// Two gateways, what they say, and a handshake as far as it has come.
struct Ends {
    explicit Ends(Random& random)
        : ours{test::pair_of(random_bytes(random, 32))},
          theirs{test::pair_of(random_bytes(random, 32))}, prologue{random_bytes(random,
                                                                                 random.below(40))},
          hello{random_bytes(random, random.below(300))}, answer{random_bytes(random,
                                                                              random.below(300))} {
        if (random.one_in(2)) {
            psk = test::secret_of<PresharedKey>(random_bytes(random, 32));
        }
    }

    std::variant<Initiator, Error> write_1(const PublicKey& to) {
        message_1.resize(hello.size() + message_1_overhead);
        return Initiator::write(ours, to, prologue, hello, message_1);
    }
    Initiator initiate() { return std::get<Initiator>(write_1(theirs.public_key)); }

    std::variant<Responder, Error> read_1(const Bytes& message) {
        heard.assign(message.size(), std::byte{0xEE});
        return Responder::read(theirs, prologue, message, heard);
    }
    Responder respond() { return std::get<Responder>(read_1(message_1)); }

    std::variant<Transport, Error> write_2(Responder& responder) {
        message_2.resize(answer.size() + message_2_overhead);
        return responder.write(psk, answer, message_2);
    }
    std::variant<Transport, Error> read_2(Initiator& initiator, const Bytes& message) {
        heard.assign(message.size(), std::byte{0xEE});
        return initiator.read(message, psk, heard);
    }

    KeyPair ours;
    KeyPair theirs;
    PresharedKey psk;
    Bytes prologue;
    Bytes hello;
    Bytes answer;
    Bytes message_1{};
    Bytes message_2{};
    Bytes room = Bytes(300);
    Bytes heard{}; ///< the payload of the last message read, and what lies behind it
};

void expect_carried(Sealer& from, Opener& to, Random& random) {
    for (int i = 0; i < 3; i++) {
        const Bytes header = random_bytes(random, random.below(20));
        const Bytes text = random_bytes(random, random.below(300));
        Bytes sealed(text.size() + aead_tag_bytes);
        Bytes out(text.size());
        const MessageCounter counter = from.next();
        ASSERT_TRUE(from.seal(header, text, sealed));
        ASSERT_EQ(to.open(counter, header, sealed, out), Opened::fresh);
        EXPECT_EQ(out, text);
    }
}

Bytes start_of(const Bytes& bytes, size_t length) {
    return test::bytes_of(std::span{bytes}.first(length));
}

TEST(Noise, BothEndsGetWhatTheOtherSaidAndTheSameKeys) {
    for_all(100, [](Random& random) {
        Ends ends{random};
        Initiator initiator = ends.initiate();
        Responder responder = ends.respond();
        EXPECT_EQ(start_of(ends.heard, ends.hello.size()), ends.hello);
        EXPECT_EQ(responder.initiator(), ends.ours.public_key);
        EXPECT_EQ(test::bytes_of(responder.initiator_ephemeral().bytes),
                  start_of(ends.message_1, 32));
        auto there = ends.write_2(responder);
        auto here = ends.read_2(initiator, ends.message_2);
        ASSERT_TRUE(std::holds_alternative<Transport>(there));
        ASSERT_TRUE(std::holds_alternative<Transport>(here));
        EXPECT_EQ(start_of(ends.heard, ends.answer.size()), ends.answer);
        expect_carried(std::get<Transport>(here).send, std::get<Transport>(there).receive, random);
        expect_carried(std::get<Transport>(there).send, std::get<Transport>(here).receive, random);
    });
}

/// Not its own key's message: what one seals it can't open itself.
TEST(Noise, DirectionsHaveKeysOfTheirOwn) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator initiator = ends.initiate();
    Responder responder = ends.respond();
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
    auto here = std::get<Transport>(ends.read_2(initiator, ends.message_2));
    Bytes sealed(aead_tag_bytes);
    ASSERT_TRUE(here.send.seal({}, {}, sealed));
    EXPECT_EQ(here.receive.open({}, {}, sealed, {}), Opened::forged);
}

TEST(Noise, EphemeralKeysAreFreshUnlessGiven) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator first = ends.initiate();
    const Bytes before = ends.message_1;
    Initiator second = ends.initiate();
    EXPECT_NE(before, ends.message_1);
    const auto fixed = test::secret_of<PrivateKey>(random_bytes(random, 32));
    Bytes again(ends.message_1.size());
    for (Bytes* out : {&ends.message_1, &again}) {
        EXPECT_TRUE(std::holds_alternative<Initiator>(Initiator::write(
            ends.ours, ends.theirs.public_key, ends.prologue, ends.hello, *out, fixed.copy())));
    }
    EXPECT_EQ(ends.message_1, again);
}

TEST(Noise, EveryFlippedBitOfMessage1IsRefused) {
    for_all(1, [](Random& random) {
        Ends ends{random};
        Initiator initiator = ends.initiate();
        for (size_t bit = 0; bit < ends.message_1.size() * 8; bit++) {
            const Error error = error_of(ends.read_1(test::with_flipped(ends.message_1, bit)));
            const bool is_payload = bit / 8 >= message_1_overhead - aead_tag_bytes;
            ASSERT_EQ(error, is_payload ? Error::bad_tag : Error::not_for_us) << bit;
        }
        ends.respond();
    });
}

TEST(Noise, EveryFlippedBitOfMessage2IsRefusedAndTheRightOneStillRead) {
    for_all(1, [](Random& random) {
        Ends ends{random};
        Initiator initiator = ends.initiate();
        Responder responder = ends.respond();
        ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
        for (size_t bit = 0; bit < ends.message_2.size() * 8; bit++) {
            const Bytes changed = test::with_flipped(ends.message_2, bit);
            ASSERT_EQ(error_of(ends.read_2(initiator, changed)), Error::bad_tag) << bit;
        }
        EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
    });
}

TEST(Noise, EveryTruncationIsRefused) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator initiator = ends.initiate();
    Responder responder = ends.respond();
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
    for (size_t length = 0; length < ends.message_1.size(); length++) {
        ASSERT_EQ(error_of(ends.read_1(start_of(ends.message_1, length))),
                  length < message_1_overhead ? Error::length : Error::bad_tag);
    }
    for (size_t length = 0; length < ends.message_2.size(); length++) {
        ASSERT_EQ(error_of(ends.read_2(initiator, start_of(ends.message_2, length))),
                  length < message_2_overhead ? Error::length : Error::bad_tag);
    }
    Bytes longer = ends.message_2;
    longer.push_back(std::byte{0});
    EXPECT_EQ(error_of(ends.read_2(initiator, longer)), Error::bad_tag);
    EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
}

TEST(Noise, WithoutRoomNothingIsLost) {
    Random random{test::seed()};
    Ends ends{random};
    ends.hello = ends.answer = random_bytes(random, 20);
    Bytes small(message_1_overhead + 19);
    EXPECT_EQ(error_of(Initiator::write(ends.ours, ends.theirs.public_key, ends.prologue,
                                        ends.hello, small)),
              Error::length);
    Initiator initiator = ends.initiate();
    small.resize(19);
    EXPECT_EQ(error_of(Responder::read(ends.theirs, ends.prologue, ends.message_1, small)),
              Error::length);
    Responder responder = ends.respond();
    small.resize(message_2_overhead + 19);
    EXPECT_EQ(error_of(responder.write(ends.psk, ends.answer, small)), Error::length);
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
    small.resize(19);
    EXPECT_EQ(error_of(initiator.read(ends.message_2, ends.psk, small)), Error::length);
    EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
}

TEST(Noise, WrongPresharedKey) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator initiator = ends.initiate();
    Responder responder = ends.respond();
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
    const auto other = test::secret_of<PresharedKey>(random_bytes(random, 32));
    EXPECT_EQ(error_of(initiator.read(ends.message_2, other, ends.room)), Error::bad_tag);
    EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
}

TEST(Noise, NoPresharedKeyIsOneOfZeros) {
    Random random{test::seed()};
    Ends ends{random};
    ends.psk.clear();
    Initiator initiator = ends.initiate();
    Responder responder = ends.respond();
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
    ends.psk = test::secret_of<PresharedKey>(Bytes(32));
    EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
}

/// Who changes keys holds two and tries with each.
TEST(Noise, AnotherStaticKeyOrPrologueIsNotForUs) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator initiator = ends.initiate();
    const KeyPair newer = test::pair_of(random_bytes(random, 32));
    EXPECT_EQ(error_of(Responder::read(newer, ends.prologue, ends.message_1, ends.room)),
              Error::not_for_us);
    EXPECT_EQ(
        error_of(Responder::read(ends.theirs, random_bytes(random, 50), ends.message_1, ends.room)),
        Error::not_for_us);
    ends.respond();
}

TEST(Noise, AnAnswerByAnotherIsRefused) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator to_them = ends.initiate();
    const KeyPair right = ends.theirs.copy();
    ends.theirs = test::pair_of(random_bytes(random, 32));
    Initiator to_other = ends.initiate();
    Responder other = ends.respond();
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(other)));
    EXPECT_EQ(error_of(ends.read_2(to_them, ends.message_2)), Error::bad_tag);
    EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(to_other, ends.message_2)));
}

/// Who does not have the private key of the static key it shows.
TEST(Noise, AStaticKeyMustBeOnesOwn) {
    Random random{test::seed()};
    Ends ends{random};
    ends.ours.public_key = test::pair_of(random_bytes(random, 32)).public_key;
    Initiator initiator = ends.initiate();
    EXPECT_EQ(error_of(ends.read_1(ends.message_1)), Error::bad_tag);
}

TEST(Noise, LowOrder) {
    Random random{test::seed()};
    for (const char* hex : low_order_keys) {
        Ends ends{random};
        const auto low = test::value_of<PublicKey>(from_hex(hex));
        EXPECT_EQ(error_of(ends.write_1(low)), Error::low_order) << hex;
        Initiator initiator = ends.initiate();
        Responder responder = ends.respond();
        ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
        for (const bool is_first : {true, false}) {
            Bytes message = is_first ? ends.message_1 : ends.message_2;
            std::copy(low.bytes.begin(), low.bytes.end(), message.begin());
            EXPECT_EQ(is_first ? error_of(ends.read_1(message))
                               : error_of(ends.read_2(initiator, message)),
                      Error::low_order)
                << hex;
        }
        EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
        ends.ours.public_key = low; // shown as its static key, well sealed
        Initiator liar = ends.initiate();
        EXPECT_EQ(error_of(ends.read_1(ends.message_1)), Error::low_order) << hex;
    }
}

TEST(Noise, TheEndIsOnceOnly) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator initiator = ends.initiate();
    Responder responder = ends.respond();
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder)));
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator, ends.message_2)));
    EXPECT_EQ(error_of(ends.read_2(initiator, ends.message_2)), Error::over);
    EXPECT_EQ(error_of(ends.write_2(responder)), Error::over);
}

TEST(Noise, MovedFromIsOver) {
    Random random{test::seed()};
    Ends ends{random};
    Initiator initiator = ends.initiate();
    Responder responder = ends.respond();
    Initiator initiator_now = std::move(initiator);
    Responder responder_now = std::move(responder);
    EXPECT_EQ(error_of(ends.write_2(responder)), Error::over); // NOLINT: moved from on purpose
    ASSERT_TRUE(std::holds_alternative<Transport>(ends.write_2(responder_now)));
    EXPECT_EQ(error_of(ends.read_2(initiator, ends.message_2)), Error::over); // NOLINT
    EXPECT_TRUE(std::holds_alternative<Transport>(ends.read_2(initiator_now, ends.message_2)));
}

} // namespace
} // namespace sacip::noise
