#include "actors/access/access_list.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace freshet::access {
namespace {

class access : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "access.sqlite"; }
  static std::string key(char c) { return std::string(32, c); }

  test::temporary_folder folder_;
  access_list list_ = std::move(access_list::open(file())).value();
  rt::key_owner edge_{"edge", false};
};

TEST_F(access, a_key_is_allowed_until_it_is_revoked_and_then_never_again) {
  ASSERT_TRUE(list_.allow(key('a'), edge_, 100, "ann").ok());
  ASSERT_TRUE(list_.allow(key('a'), edge_, 200, "bob").ok());
  EXPECT_EQ(list_.allowed()->at(key('a')).node, "edge");
  EXPECT_EQ(list_.revoke(key('b'), 1, "ann").err().code, errc::not_found);
  ASSERT_TRUE(list_.revoke(key('a'), 300, "eve").ok());
  ASSERT_TRUE(list_.revoke(key('a'), 400, "ann").ok());
  EXPECT_TRUE(list_.allowed()->empty());
  EXPECT_FALSE(list_.allow(key('a'), edge_, 500, "ann").ok());
  const auto all = *list_.keys();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].added_at, 100);
  EXPECT_EQ(all[0].added_by, "ann");
  EXPECT_EQ(all[0].revoked_at, 300);
  EXPECT_EQ(all[0].revoked_by, "eve");
}

TEST_F(access, a_key_speaks_for_one_node_and_a_node_may_have_two_keys) {
  ASSERT_TRUE(list_.allow(key('a'), edge_, 1, "ann").ok());
  EXPECT_FALSE(list_.allow(key('a'), {"other", false}, 1, "ann").ok());
  ASSERT_TRUE(list_.allow(key('b'), edge_, 1, "ann").ok());
  EXPECT_EQ(list_.allowed()->size(), 2U);
  EXPECT_FALSE(list_.allow("short", edge_, 1, "ann").ok());
  EXPECT_FALSE(list_.allow(key('c'), {"", false}, 1, "ann").ok());
  // Consoles and nodes have names apart.
  EXPECT_FALSE(list_.allow(key('c'), {"edge", true}, 1, "ann").ok());
  EXPECT_FALSE(list_.allow(key('c'), {"console-ann", false}, 1, "ann").ok());
  EXPECT_TRUE(list_.allow(key('c'), {"console-ann", true}, 1, "ann").ok());
}

TEST_F(access, a_token_is_good_once_in_its_time_and_for_its_node) {
  const std::string token = *list_.give_token(edge_, 1000, 60, "ann");
  EXPECT_EQ(token.size(), 40U);
  EXPECT_EQ(list_.redeem(token, key('a'), "other", 1001).err().code, errc::invalid_argument);
  EXPECT_EQ(list_.redeem(token, key('a'), "edge", 1060).err().code, errc::timeout);
  EXPECT_TRUE(list_.allowed()->empty());
  const auto owner = list_.redeem(token, key('a'), "edge", 1059);
  ASSERT_TRUE(owner.ok()) << owner.err().text();
  EXPECT_EQ(owner->node, "edge");
  EXPECT_EQ(list_.allowed()->count(key('a')), 1U);
  EXPECT_NE(list_.redeem(token, key('b'), "edge", 1059).err().text().find("used before"), std::string::npos);
  EXPECT_EQ(list_.redeem(std::string(40, '0'), key('b'), "edge", 1059).err().code, errc::not_found);
  EXPECT_EQ(list_.allowed()->size(), 1U);
  const auto tokens = *list_.tokens();
  ASSERT_EQ(tokens.size(), 1U);
  EXPECT_EQ(tokens[0].used_at, 1059);
  EXPECT_EQ(list_.keys()->front().added_by, "token " + tokens[0].id);
}

TEST_F(access, a_token_whose_key_cannot_be_allowed_is_not_used_up) {
  ASSERT_TRUE(list_.allow(key('a'), {"other", false}, 1, "ann").ok());
  const std::string token = *list_.give_token(edge_, 1, 60, "ann");
  EXPECT_FALSE(list_.redeem(token, key('a'), "edge", 2).ok());
  EXPECT_TRUE(list_.redeem(token, key('b'), "edge", 3).ok());
}

TEST_F(access, no_file_holds_a_token) {
  const std::string token = *list_.give_token(edge_, 1000, 60, "ann");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    std::string bytes(entry.file_size(), '\0');
    std::FILE* f = std::fopen(entry.path().c_str(), "rb");
    ASSERT_NE(f, nullptr);
    ASSERT_EQ(std::fread(bytes.data(), 1, bytes.size(), f), bytes.size());
    std::fclose(f);
    EXPECT_EQ(bytes.find(token), std::string::npos) << entry.path();
    struct stat found {};
    ASSERT_EQ(::stat(entry.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777U, 0600U) << entry.path();
  }
}

TEST_F(access, what_another_process_commits_is_seen) {
  auto other = access_list::open(file());
  ASSERT_TRUE(other.ok());
  const auto before = *other->foreign_changes();
  EXPECT_EQ(*other->foreign_changes(), before);
  ASSERT_TRUE(list_.allow(key('a'), edge_, 1, "ann").ok());
  EXPECT_NE(*other->foreign_changes(), before);
  EXPECT_EQ(other->allowed()->size(), 1U);
}

}  // namespace
}  // namespace freshet::access
