#include "actors/access/private_file.hpp"

#include "tests/support/temporary_folder.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace freshet::access {
namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

TEST(private_file, is_for_its_owner_whatever_the_umask_is) {
  const test::temporary_folder folder;
  const mode_t before = ::umask(0);
  const auto file = folder.path() / "a" / "b" / "key";
  ASSERT_TRUE(make_private_folder(file.parent_path()).ok());
  ASSERT_TRUE(write_private_file(file, "secret", existing::keep).ok());
  ::umask(before);
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(mode_of(folder.path() / "a"), 0700U);
  EXPECT_EQ(mode_of(folder.path() / "a" / "b"), 0700U);
  EXPECT_EQ(*read_private_file(file), "secret");
}

TEST(private_file, is_replaced_only_when_asked) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "key";
  ASSERT_TRUE(write_private_file(file, "one", existing::keep).ok());
  EXPECT_FALSE(write_private_file(file, "two", existing::keep).ok());
  EXPECT_EQ(*read_private_file(file), "one");
  ASSERT_TRUE(write_private_file(file, "two", existing::replace).ok());
  EXPECT_EQ(*read_private_file(file), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(private_file, that_others_can_read_is_refused_with_the_command_that_closes_it) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "key";
  ASSERT_TRUE(write_private_file(file, "secret", existing::keep).ok());
  for (const mode_t open : {0640, 0604, 0660, 0620}) {
    ASSERT_EQ(::chmod(file.c_str(), open), 0);
    const auto got = read_private_file(file);
    ASSERT_FALSE(got.ok()) << open;
    EXPECT_NE(got.err().text().find("chmod 600 " + file.string()), std::string::npos) << got.err().text();
  }
  ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
  EXPECT_TRUE(read_private_file(file).ok());
}

TEST(private_file, other_things_than_a_file_are_refused) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "key";
  EXPECT_EQ(read_private_file(file).err().code, errc::not_found);
  ASSERT_TRUE(write_private_file(file, std::string(100, 'x'), existing::keep).ok());
  EXPECT_EQ(read_private_file(file, 99).err().code, errc::too_large);
  std::filesystem::create_symlink(file, folder.path() / "link");
  EXPECT_FALSE(read_private_file(folder.path() / "link").ok());
  EXPECT_FALSE(read_private_file(folder.path()).ok());
  ASSERT_EQ(::mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(read_private_file(folder.path() / "pipe").ok());
}

}  // namespace
}  // namespace freshet::access
