#include "tools/freshet/bench/stage_times.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace freshet::cli {
namespace {

const stage_time& stage(const std::vector<stage_time>& in, const std::string& role, const std::string& name) {
  return *std::find_if(in.begin(), in.end(), [&](const auto& s) { return s.role == role && s.stage == name; });
}

constexpr const char* device = R"({"answered": 5, "shell": {"stages": {
  "answer": {"count": 2, "things": 5, "total_us": 1500000, "max_us": 900000},
  "of a later release": {"count": 1, "things": 1, "total_us": 1, "max_us": 1}}}})";

TEST(stage_times, figures_of_several_roles_add_up) {
  auto all = stages_of_the_loop();
  ASSERT_TRUE(add_figures(all, "device", device).ok());
  ASSERT_TRUE(add_figures(all, "device", device).ok());
  ASSERT_TRUE(add_figures(all, "teacher", device).ok()) << "a role without stages of its own";
  const stage_time& answer = stage(all, "device", "answer");
  EXPECT_EQ(answer.things, 10U);
  EXPECT_DOUBLE_EQ(answer.seconds, 3.0);
  EXPECT_DOUBLE_EQ(answer.longest, 0.9);
  EXPECT_EQ(stage(all, "teacher", "label").things, 0U);
  auto two = all;
  add_times(two, all);
  EXPECT_EQ(stage(two, "device", "answer").things, 20U);
}

TEST(stage_times, what_is_no_figures_is_an_error) {
  auto all = stages_of_the_loop();
  EXPECT_FALSE(add_figures(all, "device", "").ok());
  EXPECT_FALSE(add_figures(all, "device", "{}").ok());
  EXPECT_FALSE(add_figures(all, "device", R"({"shell": {}})").ok());
}

}  // namespace
}  // namespace freshet::cli
