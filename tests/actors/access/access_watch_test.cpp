#include "actors/access/access_watch.hpp"

#include "actors/access/access_list.hpp"
#include "tests/support/temporary_folder.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace freshet::access {
namespace {

using namespace std::chrono_literals;

template <class F>
bool eventually(F holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

TEST(access_watch, follows_what_another_connection_commits) {
  const test::temporary_folder folder;
  const auto file = folder.path() / "access.sqlite";
  auto list = std::move(access_list::open(file)).value();
  const std::string first(32, 'a');
  const std::string second(32, 'b');
  ASSERT_TRUE(list.allow(first, {"edge", false}, 1, "ann").ok());
  const auto watch = access_watch::open(file, std::make_shared<spdlog::logger>("quiet"), 10ms);
  ASSERT_TRUE(watch.ok()) << watch.err().text();
  EXPECT_EQ((*watch)->find(first)->node, "edge");
  EXPECT_FALSE((*watch)->find(second).has_value());
  const auto revision = (*watch)->revision();
  ASSERT_TRUE(list.allow(second, {"console-ann", true}, 2, "ann").ok());
  ASSERT_TRUE(eventually([&] { return (*watch)->find(second).has_value(); }));
  EXPECT_TRUE((*watch)->find(second)->console);
  EXPECT_GT((*watch)->revision(), revision);
  ASSERT_TRUE(list.revoke(first, 3, "ann").ok());
  ASSERT_TRUE(eventually([&] { return !(*watch)->find(first).has_value(); }));
  EXPECT_TRUE((*watch)->find(second).has_value());
}

TEST(access_watch, does_not_begin_without_a_list_that_it_can_read) {
  const test::temporary_folder folder;
  EXPECT_FALSE(access_watch::open(folder.path() / "missing" / "access.sqlite", spdlog::default_logger()).ok());
}

}  // namespace
}  // namespace freshet::access
