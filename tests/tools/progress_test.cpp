#include "tools/freshet/progress.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tools/freshet/progress_view.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

namespace freshet::cli {
namespace {

const topology::graph& two_devices() {
  static const topology::graph g = [] {
    topology::embedded_options e;
    e.devices = 2;
    return topology::load_graph(topology::embedded_default(e), {}).value();
  }();
  return g;
}

std::string role(const std::string& node, const std::string& name, const std::string& stats, int age_ms = 100) {
  return R"({"node":")" + node + R"(","role":")" + name + R"(","pid":1,"uptime_ms":5,"age_ms":)" + std::to_string(age_ms) +
         R"(,"stats":)" + stats + "}";
}
std::string edge(const std::string& from, const std::string& to, int out, int in) {
  return R"({"from":")" + from + R"(","to":")" + to + R"(","out_bytes":)" + std::to_string(out) + R"(,"in_bytes":)" +
         std::to_string(in) + "}";
}
std::string snapshot(const std::string& roles, int number = 3) {
  return R"({"number":)" + std::to_string(number) + R"(,"uptime_ms":65432,"roles":[)" + roles + "]}";
}

const std::string first =
    role("edge-1", "device",
         R"({"phase":"fog","answered":1000,"skipped":2,"scored":900,"correct":800,"twin_correct":500,"window_scored":200,
             "window_correct":160,"window_twin_correct":100,"version":12,"answers_per_second":19.5})");
const std::string second =
    role("edge-2", "device",
         R"({"phase":"night","answered":500,"scored":100,"correct":50,"twin_correct":25,"window_scored":100,
             "window_correct":50,"window_twin_correct":50,"version":11})", 6000);
const std::string cloud =
    role("cloud", "distiller", R"({"version":12,"loss":0.25})") + "," +
    role("cloud", "port", R"({"edges":[)" + edge("cloud/deployer", "edge-1/device", 9000, 0) + "," +
                              edge("cloud/deployer", "edge-2/device", 6000, 0) + "," +
                              edge("edge-1/uplink_filter", "cloud/intake", 0, 299'000) + "," +
                              edge("cloud/intake", "cloud/teacher", 1'000'000, 0) + "]}") + "," +
    role("edge-1", "port", R"({"edges":[)" + edge("edge-1/uplink_filter", "cloud/intake", 300'000, 0) + "," +
                               edge("edge-1/device", "cloud/deployer", 777, 0) + "]}");

fleet_progress good() { return read_progress(snapshot(first + "," + second + "," + cloud), two_devices()).value(); }

TEST(progress, adds_up_the_fleet) {
  const fleet_progress f = good();
  EXPECT_EQ(f.number, 3U);
  EXPECT_EQ(f.answered, 1500U);
  EXPECT_EQ(f.window.share(), 210.0 / 300);
  ASSERT_TRUE(f.twin_window.has_value());
  EXPECT_EQ(f.twin_window->share(), 0.5);
  EXPECT_EQ(f.total.share(), 0.85);
  EXPECT_EQ(f.twin_total->share(), 0.525);
  EXPECT_EQ(f.refreshes, 12U);
  EXPECT_EQ(f.loss, 0.25);
  ASSERT_EQ(f.devices.size(), 2U);
  EXPECT_EQ(f.devices[0].name, "edge-1/device");
  EXPECT_FALSE(f.devices[0].silent);
  EXPECT_TRUE(f.devices[1].silent);
}

TEST(progress, counts_each_edge_once_where_it_is_sent) {
  const fleet_progress f = good();
  EXPECT_EQ(f.uplink_bytes, 300'000U);
  EXPECT_EQ(f.downlink_bytes, 15'000U);
}

TEST(progress, names_what_is_silent_or_missing) {
  EXPECT_EQ(good().silent_roles,
            (std::vector<std::string>{"cloud/intake", "cloud/teacher", "cloud/compressor", "cloud/deployer", "cloud/stats",
                                      "edge-1/uplink_filter", "edge-2/uplink_filter"}));
  const auto nothing = read_progress("{}", two_devices());
  ASSERT_TRUE(nothing.ok());
  EXPECT_EQ(nothing->devices.size(), 2U);
  EXPECT_TRUE(nothing->devices[0].silent);
  EXPECT_FALSE(nothing->twin_window.has_value());
  EXPECT_EQ(nothing->window.share(), std::nullopt);
}

TEST(progress, odd_documents_are_survived) {
  for (const char* text : {"", "[]", "nul", "\xff\xfe", "{\"a\":"}) EXPECT_FALSE(read_progress(text, two_devices()).ok()) << text;
  for (const std::string& odd :
       {std::string(R"({"number":-1,"roles":5})"), std::string(R"({"roles":[5,null,{"node":3},{"node":"a","role":"b"}]})"),
        snapshot(role("edge-1", "device", "5")), snapshot(role("edge-1", "device", R"({"phase":5,"version":-3,"answered":"x"})")),
        snapshot(role("edge-1", "device", R"({"window_scored":1,"window_correct":9})")),
        snapshot(role("cloud", "port", R"({"edges":{"a":1}})")), snapshot(role("cloud", "port", R"({"edges":[1,{"from":2}]})"))}) {
    const auto f = read_progress(odd, two_devices());
    ASSERT_TRUE(f.ok()) << odd;
    EXPECT_EQ(f->uplink_bytes, 0U) << odd;
    EXPECT_EQ(f->window.of, 0U) << odd;
    progress_view view;
    view.update(*f);
    EXPECT_FALSE(view.table(80).empty());
  }
}

TEST(progress, a_cut_document_is_never_half_read) {
  const std::string text = snapshot(first + "," + second + "," + cloud);
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(read_progress(text.substr(0, n), two_devices()).ok()) << n;
}

TEST(progress_view, one_line_says_it_all) {
  progress_view view;
  EXPECT_EQ(view.line(), "waiting for the first figures");
  view.update(good());
  EXPECT_EQ(view.line(),
            "0:01:05  phase fog  adapting 70.0 %  frozen 50.0 %  uplink 300 KB (200 B a sample)  downlink 15.0 KB "
            "(10 B a sample)  versions 11–12  refreshes 12  silent devices 1");
}

TEST(progress_view, the_table_shows_fleet_and_devices) {
  progress_view view;
  view.update(good());
  const auto lines = view.table(100);
  const auto has = [&](const std::string& part) {
    for (const std::string& line : lines)
      if (line.find(part) != std::string::npos) return true;
    return false;
  };
  EXPECT_TRUE(has("phase fog  versions 11–12  refreshes 12  answered 1500"));
  EXPECT_TRUE(has("adapting    70.0 %  ▆"));
  EXPECT_TRUE(has("frozen      50.0 %  ▅"));
  EXPECT_TRUE(has("+20.0 points now, +32.5 points since the start"));
  EXPECT_TRUE(has("300 KB    200 B a sample"));
  // 15 000 bytes over 12 refreshes and 2 devices
  EXPECT_TRUE(has("15.0 KB   10 B a sample, 625 B a refresh and device"));
  EXPECT_TRUE(has("edge-1/device               12  fog             1000    80.0 %    50.0 %"));
  EXPECT_TRUE(has("edge-2/device               11  silent           500    50.0 %    50.0 %"));
}

TEST(progress_view, fits_any_width_and_any_fleet) {
  fleet_progress f = good();
  for (int i = 0; i < 300; ++i) f.devices.push_back(f.devices[0]);
  progress_view view;
  for (std::uint64_t i = 0; i < 200; ++i) {
    f.number = i;
    view.update(f);
  }
  for (const std::size_t width : {0U, 1U, 10U, 40U, 79U, 200U}) {
    const auto lines = view.table(width, 5);
    EXPECT_LE(lines.size(), 15U);
    for (const std::string& line : lines) EXPECT_LE(columns(line), width) << line;
  }
}

TEST(progress_view, the_same_document_twice_is_one_point_of_the_curve) {
  progress_view view;
  view.update(good());
  const auto once = view.table(100);
  view.update(good());
  EXPECT_EQ(view.table(100), once);
}

TEST(human, bytes_and_times) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(999.9), "1.00 KB");
  EXPECT_EQ(human_bytes(1000), "1.00 KB");
  EXPECT_EQ(human_bytes(12'340), "12.3 KB");
  EXPECT_EQ(human_bytes(999'499), "999 KB");
  EXPECT_EQ(human_bytes(999'500), "1.00 MB");
  EXPECT_EQ(human_bytes(5e15), "5000 TB");
  EXPECT_EQ(human_time(0), "0:00:00");
  EXPECT_EQ(human_time(3'661'999), "1:01:01");
}

TEST(human, text_is_cut_between_characters) {
  EXPECT_EQ(cut("a–b", 2), "a–");
  EXPECT_EQ(cut("a–b", 1), "a");
  EXPECT_EQ(cut("ab", 5), "ab");
  EXPECT_EQ(columns("▁▂x"), 3U);
}

}  // namespace
}  // namespace freshet::cli
