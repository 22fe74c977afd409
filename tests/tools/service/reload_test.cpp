#include "tools/freshet/service/reload.hpp"

#include "topology/graph/embedded.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

TEST(changes_between, names_every_setting_that_differs) {
  topology::embedded_options options;
  options.devices = 1;
  const std::string before = topology::embedded_default(options);
  EXPECT_TRUE(changes_between(before, before).empty());
  EXPECT_TRUE(changes_between(before, "# a remark\n" + before).empty());

  std::string after = before;
  after.replace(after.find("samples_per_second = 6.0"), 24, "samples_per_second = 8.0");
  auto changes = changes_between(before, after);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_NE(changes[0].find("settings.samples_per_second: 6.0 becomes 8.0"), std::string::npos) << changes[0];
  EXPECT_EQ(changes[0].rfind("roles[", 0), 0U) << changes[0];

  changes = changes_between(before, before + "\n[logging]\nlevel = \"debug\"\n");
  EXPECT_EQ(changes, std::vector<std::string>{"logging.level: \"info\" becomes \"debug\""});

  options.devices = 2;
  changes = changes_between(before, topology::embedded_default(options));
  EXPECT_NE(std::find(changes.begin(), changes.end(), "nodes[3].name: \"edge-2\" is new"), changes.end());
  changes = changes_between(topology::embedded_default(options), before);
  EXPECT_NE(std::find(changes.begin(), changes.end(), "nodes[3].name: \"edge-2\" is gone"), changes.end());
}

}  // namespace
}  // namespace freshet::cli
