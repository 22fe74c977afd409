#include "actors/rt/traffic.hpp"

#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::rt {
namespace {

using topology::address;

TEST(traffic, sums_by_edge_with_empty_names_as_wildcards) {
  traffic_meter m("cloud");
  m.count(direction::in, "d1", {"d1", "uplink"}, {"cloud", "intake"}, 100);
  m.count(direction::in, "d2", {"d2", "uplink"}, {"cloud", "intake"}, 30);
  m.count(direction::in, "d2", {"d2", "device"}, {"cloud", "deployer"}, 7);
  m.count(direction::out, "d2", {"cloud", "deployer"}, {"d2", "device"}, 1000);
  const auto s = m.snapshot();
  EXPECT_EQ(s.sum(direction::in, {"", ""}, {"cloud", "intake"}), (volume{2, 130}));
  EXPECT_EQ(s.sum(direction::in, {"d2", ""}, {"", ""}), (volume{2, 37}));
  EXPECT_EQ(s.sum(direction::out, {"", ""}, {"", ""}), (volume{1, 1000}));
  EXPECT_EQ(s.sum(direction::out, {"d2", ""}, {"", ""}), (volume{}));
}

TEST(traffic, json_names_what_was_counted_even_with_names_that_are_no_text) {
  traffic_meter m("cloud");
  m.count(direction::in, "\xff\xfe", {"\xff\xfe", "r"}, {"cloud", "intake"}, 5);
  m.update_faults([](port_faults& f) { f.malformed = 3; });
  const auto j = nlohmann::json::parse(m.snapshot().json());
  EXPECT_EQ(j["malformed"], 3);
  EXPECT_EQ(j["in_bytes"], 5);
  EXPECT_EQ(j["edges"].size(), 1u);
  EXPECT_EQ(j["edges"][0]["to"], "cloud/intake");
}

TEST(traffic, names_from_outside_do_not_grow_without_bound) {
  traffic_meter m("cloud");
  for (int i = 0; i < 20000; ++i)
    m.count(direction::in, "n" + std::to_string(i), {"n" + std::to_string(i), "r"}, {"cloud", "x"}, 1);
  const auto s = m.snapshot();
  EXPECT_LE(s.edges.size(), 8193u);
  EXPECT_LE(s.peers.size(), 8193u);
  EXPECT_EQ(s.sum(direction::in, {"", ""}, {"", ""}), (volume{20000, 20000}));
}

TEST(traffic, is_read_while_it_is_written) {
  traffic_meter m("n");
  std::thread writer([&] {
    for (int i = 0; i < 20000; ++i) m.count(direction::out, "p", {"n", "a"}, {"p", "b"}, 2);
  });
  std::uint64_t last = 0;
  while (last < 40000) {
    const auto v = m.snapshot().sum(direction::out, {"", ""}, {"", ""});
    ASSERT_EQ(v.bytes, 2 * v.messages);
    ASSERT_GE(v.bytes, last);
    last = v.bytes;
  }
  writer.join();
}

}  // namespace
}  // namespace freshet::rt
