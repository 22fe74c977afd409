#include "kernels/delta/signed_artefact.hpp"

#include "kernels/delta/refresh.hpp"
#include "tests/kernels/delta/support.hpp"

#include <gtest/gtest.h>
#include <xxhash.h>

namespace freshet::delta {
namespace {

signing_key key_of(std::uint8_t n) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(n);
  return signing_key::from_seed(seed);
}

std::vector<std::uint8_t> some_artefact() {
  const layout parts = test::adapter();
  rng from(3);
  const auto base = test::values(test::shape::uniform, parts.total(), from);
  auto target = base;
  for (auto& v : target) v += test::draw(test::shape::gauss, from);
  artefact label;
  label.line = content_hash(5);
  label.teacher = "teacher";
  return *encode_artefact(
      make_refresh({parts, target.data(), nullptr, 300}, **find_codec("dwc"), base, version(0), label)->made);
}

/// As an attacker would: changes a byte and mends the checksum.
std::vector<std::uint8_t> mended(std::vector<std::uint8_t> bytes, std::size_t at, std::uint8_t by) {
  bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ by);
  const std::uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size() - 8);
  std::memcpy(bytes.data() + bytes.size() - 8, &checksum, 8);
  return bytes;
}

TEST(ed25519, is_the_standard_one) {
  // RFC 8032, 7.3: the test vector of Ed25519ph ("abc").
  const std::array<std::uint8_t, 32> seed{0x83, 0x3f, 0xe6, 0x24, 0x09, 0x23, 0x7b, 0x9d, 0x62, 0xec, 0x77,
                                          0x58, 0x75, 0x20, 0x91, 0x1e, 0x9a, 0x75, 0x9c, 0xec, 0x1d, 0x19,
                                          0x75, 0x5b, 0x7d, 0xa9, 0x01, 0xb9, 0x6d, 0xca, 0x3d, 0x42};
  const signing_key key = signing_key::from_seed(seed);
  EXPECT_EQ(key.seed(), seed);
  EXPECT_EQ(key.open_half().bytes[0], 0xec);
  EXPECT_EQ(key.open_half().bytes[31], 0xbf);
  const std::vector<std::uint8_t> a{'a'};
  const std::vector<std::uint8_t> bc{'b', 'c'};
  const auto signature = key.sign({a, bc});
  EXPECT_EQ(signature[0], 0x98);
  EXPECT_EQ(signature[1], 0xa7);
  EXPECT_EQ(signature[63], 0x06);
  EXPECT_TRUE(verify(key.open_half(), {a, bc}, signature));
  EXPECT_FALSE(verify(key.open_half(), {bc, a}, signature));
  EXPECT_FALSE(verify(key_of(1).open_half(), {a, bc}, signature));
}

TEST(ed25519, drawn_keys_differ) {
  EXPECT_NE(signing_key::draw().open_half(), signing_key::draw().open_half());
  EXPECT_NE(key_of(1).open_half().id(), key_of(2).open_half().id());
}

TEST(signed_artefact, costs_72_bytes_and_is_the_same_artefact) {
  const auto plain = some_artefact();
  const auto sealed = *sign_artefact(plain, key_of(1));
  EXPECT_EQ(sealed.size(), plain.size() + 72);
  artefact made = *decode_artefact(sealed, {});
  EXPECT_EQ(made.signature.size(), 72U);
  made.signature.clear();
  // NaN metrics are not equal to themselves; their encoding is.
  EXPECT_EQ(*encode_artefact(made), plain);
}

TEST(signed_artefact, is_taken_from_any_trusted_key_and_from_no_other) {
  const auto plain = some_artefact();
  const trust_list both{1, {key_of(1).open_half(), key_of(2).open_half()}};
  for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}})
    EXPECT_TRUE(verify_artefact(*sign_artefact(plain, key_of(n)), both).ok());
  const auto foreign = verify_artefact(*sign_artefact(plain, key_of(3)), both);
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.err().text().find(text_of(key_of(3).open_half().id())), std::string::npos);
  const auto unsigned_one = verify_artefact(plain, both);
  ASSERT_FALSE(unsigned_one.ok());
  EXPECT_NE(unsigned_one.err().text().find("not signed"), std::string::npos);
  // Signed anew, it is the new key's alone.
  const auto again = *sign_artefact(*sign_artefact(plain, key_of(1)), key_of(2));
  EXPECT_EQ(again, *sign_artefact(plain, key_of(2)));
}

TEST(signed_artefact, changed_in_any_bit_with_a_mended_checksum_it_is_refused) {
  const auto sealed = *sign_artefact(some_artefact(), key_of(1));
  const trust_list trusted{1, {key_of(1).open_half()}};
  for (std::size_t at = 0; at + 8 < sealed.size(); ++at)
    for (const std::uint8_t bit : std::vector<std::uint8_t>{1, 16, 128})
      ASSERT_FALSE(verify_artefact(mended(sealed, at, bit), trusted).ok()) << at;
  for (std::size_t cut = 0; cut < sealed.size(); ++cut)
    ASSERT_FALSE(verify_artefact({sealed.data(), cut}, trusted).ok()) << cut;
  // Under the name of a trusted key, but signed by another.
  auto renamed = *sign_artefact(some_artefact(), key_of(2));
  const key_id id = key_of(1).open_half().id();
  std::copy(id.begin(), id.end(), renamed.end() - 80);
  EXPECT_FALSE(verify_artefact(mended(renamed, 0, 0), trusted).ok());
}

TEST(trust, lists_follow_each_other_by_signed_statements_only) {
  const trust_list first{1, {key_of(1).open_half()}};
  const trust_list both{2, {key_of(1).open_half(), key_of(2).open_half()}};
  const trust_list second{3, {key_of(2).open_half()}};
  const auto to_both = make_statement(both, key_of(1));
  const auto to_second = make_statement(second, key_of(2));
  EXPECT_EQ(*follow_statement(to_both, first), both);
  EXPECT_EQ(*follow_statement(to_second, both), second);
  // Left out, repeated, signed by one who is not in the list before.
  EXPECT_FALSE(follow_statement(to_second, first).ok());
  EXPECT_FALSE(follow_statement(to_both, both).ok());
  EXPECT_FALSE(follow_statement(make_statement(both, key_of(2)), first).ok());
  for (std::size_t at = 0; at < to_both.size(); ++at) {
    auto bent = to_both;
    bent[at] = static_cast<std::uint8_t>(bent[at] ^ 1);
    ASSERT_FALSE(follow_statement(bent, first).ok()) << at;
    ASSERT_FALSE(follow_statement({to_both.data(), at}, first).ok()) << at;
  }
}

TEST(trust, a_list_is_read_back_from_its_text_and_other_text_is_refused_by_line) {
  const trust_list both{2, {key_of(1).open_half(), key_of(2).open_half()}};
  const std::string text = text_of(both);
  EXPECT_EQ(*read_trust_list(text, "f"), both);
  for (std::size_t cut = 0; cut + 1 < text.size(); ++cut) {
    const auto some = read_trust_list(text.substr(0, cut), "f");
    // Cut between two keys it is a list of one.
    EXPECT_TRUE(!some.ok() || some->keys.size() == 1) << cut;
  }
  for (const char* wrong : {"", "freshet-trusted-keys 2\nserial 1\n", "freshet-trusted-keys 1\nserial x\n",
                            "freshet-trusted-keys 1\nserial 0\nkey 00\n", "freshet-trusted-keys 1\nserial 1\n",
                            "freshet-trusted-keys 1\nserial 1\nkey zz\n"}) {
    const auto got = read_trust_list(wrong, "f");
    ASSERT_FALSE(got.ok()) << wrong;
    EXPECT_EQ(got.err().context.rfind("f", 0), 0U);
  }
  EXPECT_FALSE(read_trust_list(text + text.substr(text.find("key")), "f").ok());
}

}  // namespace
}  // namespace freshet::delta
