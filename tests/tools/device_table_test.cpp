#include "tools/freshet/device_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

fleet_progress three() {
  fleet_progress f;
  f.desired = 9;
  device_progress good;
  good.name = "edge-1/device";
  good.number = 1;
  good.phase = "fog";
  good.version = 9;
  good.answered = 1000;
  good.answers_per_second = 19.54;
  good.window = {160, 200};
  good.twin_window = score{100, 200};
  device_progress late;
  late.name = "edge-2/device";
  late.number = 2;
  late.phase = "night";
  late.version = 7;
  late.window = {50, 100};
  device_progress unheard;
  unheard.name = "edge-10/device";
  unheard.number = 10;
  unheard.silent = true;
  f.devices = {unheard, good, late};
  return f;
}

std::vector<std::uint32_t> numbers(const device_choice& choice) {
  std::vector<std::uint32_t> out;
  for (const auto& d : chosen_devices(three(), choice)) out.push_back(d.number);
  return out;
}

TEST(device_table, lines_up_and_counts) {
  EXPECT_THAT(device_lines(three(), {}),
              ElementsAre("number  device          state   version  behind  phase  answers/s  answered  accuracy  frozen twin",
                          "     1  edge-1/device   up            9       0  fog         19.5      1000    80.0 %       50.0 %",
                          "     2  edge-2/device   up            7       2  night        0.0         0    50.0 %            –",
                          "    10  edge-10/device  silent        –       –  –            0.0         0         –            –",
                          "3 of 3 devices, 1 of these silent; version 9 is wanted"));
}

TEST(device_table, chooses_and_sorts_with_the_worst_first) {
  EXPECT_THAT(numbers({}), ElementsAre(1U, 2U, 10U));
  EXPECT_THAT(numbers({true, false, "number"}), ElementsAre(10U));
  EXPECT_THAT(numbers({false, true, "number"}), ElementsAre(2U, 10U));
  EXPECT_THAT(numbers({false, false, "version"}), ElementsAre(10U, 2U, 1U));
  EXPECT_THAT(numbers({false, false, "accuracy"}), ElementsAre(10U, 2U, 1U));
  EXPECT_THAT(numbers({false, false, "name"}), ElementsAre(1U, 10U, 2U));
  EXPECT_EQ(sort_problem("rate"), "");
  EXPECT_THAT(sort_problem("size"), HasSubstr("accuracy"));
}

TEST(device_table, json_says_null_where_nothing_is_known) {
  const auto j = devices_json(three(), {});
  EXPECT_EQ(j["desired_version"], 9);
  ASSERT_EQ(j["devices"].size(), 3U);
  EXPECT_EQ(j["devices"][0]["accuracy"], 0.8);
  EXPECT_EQ(j["devices"][1]["behind"], 2);
  EXPECT_TRUE(j["devices"][1]["twin_accuracy"].is_null());
  EXPECT_EQ(j["devices"][2]["node"], "edge-10");
  EXPECT_TRUE(j["devices"][2]["version"].is_null());
  EXPECT_TRUE(j["devices"][2]["silent"]);
  EXPECT_TRUE(devices_json(fleet_progress{}, {})["desired_version"].is_null());
  EXPECT_THAT(devices_json(fleet_progress{}, {})["devices"], IsEmpty());
}

}  // namespace
}  // namespace freshet::cli
