#include "actors/access/key_file.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

namespace freshet::access {
namespace {

TEST(key_file, gives_back_what_was_written) {
  const test::temporary_folder folder;
  const rt::link_keys link = draw_link_keys();
  ASSERT_TRUE(write_link_keys(folder.path() / "link", link, existing::keep).ok());
  const auto read = read_link_keys(folder.path() / "link");
  ASSERT_TRUE(read.ok()) << read.err().text();
  EXPECT_EQ(read->public_key, link.public_key);
  EXPECT_EQ(read->secret_key, link.secret_key);
  const delta::signing_key sign = delta::signing_key::draw();
  ASSERT_TRUE(write_signing_key(folder.path() / "sign", sign, existing::keep).ok());
  EXPECT_EQ(read_signing_key(folder.path() / "sign")->open_half(), sign.open_half());
  // One is not taken for the other.
  EXPECT_NE(read_link_keys(folder.path() / "sign").err().text().find("kind artefact"), std::string::npos);
  EXPECT_FALSE(read_signing_key(folder.path() / "link").ok());
}

TEST(key_file, changed_anywhere_or_cut_short_it_is_refused) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "key";
  ASSERT_TRUE(write_link_keys(file, draw_link_keys(), existing::keep).ok());
  const std::string right = *read_private_file(file);
  const std::size_t secret = right.find("secret ") + 7;
  for (std::size_t at = 0; at + 1 < right.size(); ++at) {
    std::string bent = right;
    bent[at] = bent[at] == '0' ? '1' : '0';
    ASSERT_TRUE(write_private_file(file, bent, existing::replace).ok());
    // Curve25519 ignores four bits of a secret: 3 low ones of its first byte, and high ones of its last.
    const bool clamped = at == secret + 1 || at == secret || at == secret + 62;
    EXPECT_TRUE(clamped || !read_link_keys(file).ok()) << at << ": " << bent;
    ASSERT_TRUE(write_private_file(file, right.substr(0, at), existing::replace).ok());
    EXPECT_FALSE(read_link_keys(file).ok()) << at;
  }
}

}  // namespace
}  // namespace freshet::access
