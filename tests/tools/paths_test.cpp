#include "tools/freshet/paths.hpp"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace freshet::cli {
namespace {

class paths : public ::testing::Test {
 protected:
  test::temporary_folder made_;
  std::string folder_ = made_.path().string();
};

unsigned mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

TEST_F(paths, folders_and_files_are_for_their_user_only) {
  const mode_t before = ::umask(0);
  ASSERT_TRUE(make_folder(folder_ + "/state/edge/").ok());
  ASSERT_TRUE(make_folder(folder_ + "/state").ok());
  ASSERT_TRUE(write_file(folder_ + "/state/freshet.toml", "x").ok());
  const auto lock = state_lock::take(folder_ + "/state");
  ASSERT_TRUE(lock.ok());
  // What others of this process make, sockets and logs among it.
  make_files_private();
  std::ofstream(folder_ + "/state/edge/log") << "x";
  ASSERT_EQ(::umask(before), mode_t{0077});
  EXPECT_EQ(mode_of(folder_ + "/state"), 0700U);
  EXPECT_EQ(mode_of(folder_ + "/state/edge"), 0700U);
  for (const char* file : {"/state/freshet.toml", "/state/lock", "/state/edge/log"}) EXPECT_EQ(mode_of(folder_ + file), 0600U) << file;
  EXPECT_FALSE(make_folder(folder_ + "/state/freshet.toml/below").ok());
}

TEST_F(paths, one_daemon_a_state_folder) {
  auto first = state_lock::take(folder_);
  ASSERT_TRUE(first.ok());
  const auto second = state_lock::take(folder_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.err().code, errc::unavailable);
  EXPECT_NE(second.err().context.find(folder_), std::string::npos);
  { const state_lock gone = std::move(first).value(); }
  EXPECT_TRUE(state_lock::take(folder_).ok());
  EXPECT_EQ(state_lock::take(folder_ + "/nowhere").err().code, errc::io);
}

TEST_F(paths, files_are_replaced_as_a_whole) {
  const std::string path = document_in(folder_);
  ASSERT_TRUE(write_file(path, std::string(100'000, 'a')).ok());
  ASSERT_TRUE(write_file(path, "short").ok());
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "short");
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_EQ(write_file(folder_ + "/no/such/folder", "x").err().code, errc::io);
}

TEST_F(paths, state_follows_the_environment) {
  ::setenv("XDG_STATE_HOME", "/x/state", 1);
  EXPECT_EQ(default_state_dir(), "/x/state/freshet");
  ::unsetenv("XDG_STATE_HOME");
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(default_state_dir(), "/home/someone/.local/state/freshet");
  ::unsetenv("HOME");
  EXPECT_EQ(default_state_dir(), working_dir() + "/freshet-state");
}

TEST_F(paths, are_made_absolute_by_text) {
  EXPECT_EQ(absolute("/a/../b/./c/"), "/b/c");
  EXPECT_EQ(absolute("x"), working_dir() + "/x");
  EXPECT_EQ(absolute("/"), "/");
}

}  // namespace
}  // namespace freshet::cli
