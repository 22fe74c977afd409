// What the console draws, compared with pictures that were looked at: tests/data/console/*.txt. After a change
// that is meant, FRESHET_WRITE_PICTURES=1 writes them anew, to be looked at again.
#include "tools/freshet/console/console.hpp"

#include "tools/freshet/console/chart.hpp"
#include "tools/freshet/console/json_lines.hpp"
#include "tools/freshet/console/table.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using nlohmann::json;

json role(const char* kind, json own, const char* state = "up") {
  return {{"kind", kind},
          {"state", state},
          {"pid", 11},
          {"uptime_s", 3725},
          {"restarts", 0},
          {"mailbox", 2},
          {"in_per_s", 12.4},
          {"out_per_s", 31.5},
          {"busy", 0.34},
          {"wait_p50_us", 85},
          {"wait_p99_us", 12'400},
          {"service_p50_us", 9.5},
          {"service_p99_us", 2'310'000},
          {"slice_p99_us", 49'000},
          {"own", std::move(own)}};
}

json document() {
  json d{{"uptime_s", 3731}};
  d["fleet"] = {{"devices", 4},          {"up", 3},
                {"answered", 51'234},    {"answers_per_s", 23.6},
                {"accuracy", 0.874},     {"twin_accuracy", 0.612},
                {"version_low", 75},     {"version_high", 77},
                {"desired_version", 77}, {"phases", {{"fog", 3}, {"night", 1}}}};
  d["traffic"] = {{"uplink_bytes", 5.1e6},          {"uplink_bytes_per_s", 8'930},
                  {"uplink_bytes_per_sample", 379}, {"uplink_budget_bytes_per_sample", 400},
                  {"downlink_bytes", 2.2e6},        {"downlink_bytes_per_s", 13'200},
                  {"refresh_bytes", 6'510},         {"refresh_whole_bytes", 108'000}};
  json& roles = d["roles"];
  for (int i = 1; i <= 4; ++i) {
    const std::string node = "edge-" + std::to_string(i);
    roles[node + "/device"] = role("device", {{"phase", i == 4 ? "night" : "fog"},
                                              {"version", i == 3 ? 75 : 77},
                                              {"window_scored", 200},
                                              {"window_correct", 160 + 5 * i},
                                              {"twin", true},
                                              {"window_twin_correct", 120 + i},
                                              {"answers_per_second", 5.9},
                                              {"answered", 12'000 + i}});
    roles[node + "/uplink_filter"] = role("uplink_filter", {{"seen", 1000}, {"kept", 410}, {"bytes_per_sample", 379}});
    d["links"][node + "/device>" + node + "/uplink_filter"] = {{"from", node + "/device"},
                                                               {"to", node + "/uplink_filter"}};
    d["links"][node + "/uplink_filter>cloud/intake"] = {{"from", node + "/uplink_filter"},
                                                        {"to", "cloud/intake"},
                                                        {"bytes", 1'250'000 + i},
                                                        {"bytes_per_s", 2'200 + i}};
    d["nodes"][node] = {{"resident_bytes", 102'400'000}};
  }
  roles["edge-2/device"]["state"] = "silent";
  roles["edge-2/device"]["silent_s"] = 12;
  roles["cloud/intake"] = role("intake", {{"held_samples", 12}, {"leases_out", 3}});
  roles["cloud/teacher"] = role("teacher", {{"answered", 20'480}, {"queued", 1}});
  roles["cloud/distiller"] = role("distiller", {{"version", 77}, {"phase", "training"}, {"loss", 0.231}});
  roles["cloud/compressor"] = role("compressor", {{"fp16_ratio_last", 0.06}});
  roles["cloud/deployer"] = role("deployer", {{"converged", 3}, {"devices", 4}, {"largest_lag", 2}});
  roles["cloud/stats"] = {{"kind", "stats"}, {"state", "missing"}};
  roles["cloud/port"] = role("port", json::object());
  d["nodes"]["cloud"] = {{"resident_bytes", 415'000'000}};
  const auto flow = [&](const char* pair, double bytes, int queued) {
    d["flow"][pair] = {{"bytes_per_s", bytes}, {"messages_per_s", 4}, {"queued", queued}, {"in_flight", 1}};
  };
  flow("device>uplink_filter", 412'000, 0);
  flow("uplink_filter>intake", 8'930, 2);
  flow("intake>teacher", 51'000, 0);
  flow("teacher>distiller", 43'000, 250);
  flow("distiller>compressor", 812'000, 0);
  flow("distiller>deployer", 3'260, 0);
  flow("deployer>device", 13'200, 0);
  for (int i = 0; i < 180; ++i) {
    const double t = i / 180.0;
    d["course"][std::to_string(i + 50)] = {{"t_s", 2 * i},
                                           {"adapting", 0.87 - 0.2 * std::exp(-std::pow((t - 0.45) * 12, 2))},
                                           {"frozen", i < 75 ? 0.86 : 0.6 + 0.02 * std::sin(i)},
                                           {"phase", i < 75    ? "clean"
                                                     : i < 140 ? "fog"
                                                               : "night"}};
  }
  const char* levels[] = {"info", "good", "warn", "bad"};
  for (int i = 0; i < 40; ++i)
    d["events"][std::to_string(i + 9)] = {{"t_s", 3600 + 3 * i},
                                          {"level", levels[i % 4]},
                                          {"where", "edge-" + std::to_string(i % 4 + 1) + "/device"},
                                          {"text", i % 4 == 0   ? "phase clean → fog"
                                                   : i % 4 == 1 ? "joined"
                                                   : i % 4 == 2 ? "2 updates refused"
                                                                : "is silent"}};
  return d;
}

console attached() {
  console c("cloud/stats");
  c.take({live_change::kind::snapshot, 1, document(), ""});
  return c;
}

void compare(const std::string& name, const grid& g) {
  const std::string path = std::string(FRESHET_TEST_DATA) + "/console/" + name + ".txt";
  const std::string picture = g.text() + "--- styles ---\n" + g.styles();
  if (std::getenv("FRESHET_WRITE_PICTURES") != nullptr) std::ofstream(path) << picture;
  std::ifstream file(path);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(picture, expected.str()) << name;
}

TEST(console_pictures, are_as_they_were_looked_at) {
  console c = attached();
  for (const char view : {'1', '2', '3', '4'}) {
    c.press(view);
    compare(std::string("view-") + view + "-80x24", c.draw(80, 24));
    compare(std::string("view-") + view + "-120x40", c.draw(120, 40));
  }
  c.press('?');
  compare("help-80x24", c.draw(80, 24));
}

TEST(console, says_how_it_stands) {
  console c("cloud/stats");
  EXPECT_NE(c.draw(80, 24).text().find("connecting to cloud/stats"), std::string::npos);
  c = attached();
  EXPECT_NE(c.draw(80, 24).text().find("● live"), std::string::npos);
  c.take({live_change::kind::lost, 1, {}, "nothing was heard for 5 s"});
  const std::string lost = c.draw(80, 24).text();
  EXPECT_NE(lost.find("○ reconnecting: nothing was heard for 5 s"), std::string::npos) << lost;
  EXPECT_NE(lost.find("teacher"), std::string::npos) << "the last picture stays";
  c.take({live_change::kind::snapshot, 1, document(), ""});
  EXPECT_NE(c.draw(80, 24).text().find("● live"), std::string::npos);
}

TEST(console, holds_still_while_paused_and_catches_up) {
  console c = attached();
  c.press('p');
  c.take({live_change::kind::delta, 2, {{"uptime_s", 4000}}, ""});
  EXPECT_NE(c.draw(80, 24).text().find("1:02:11"), std::string::npos);
  c.press(' ');
  EXPECT_NE(c.draw(80, 24).text().find("1:06:40"), std::string::npos);
}

TEST(console, draws_any_size_and_any_document) {
  console c = attached();
  console odd("x/y");
  odd.take(
      {live_change::kind::snapshot, 1,
       json::parse(
           R"({"roles":{"a":3,"b/c":{"kind":7},"\u0007\u001b[2J/device":{"kind":"device","state":"up","own":{"version":-1,"phase":"日本\u0301"}}},
              "course":{"x":{"adapting":"no"}},"events":{"1":[],"2":{"text":5}},"fleet":[],"flow":{"device>uplink_filter":4},"uptime_s":-5})"),
       ""});
  odd.take({live_change::kind::delta, 2, json::parse(R"({"roles":null,"fleet":{"phases":{"a":"b"}}})"), ""});
  for (const char view : {'1', '2', '3', '4', '?'}) {
    c.press(view);
    odd.press(view);
    for (std::size_t w = 1; w < 140; w += 7)
      for (std::size_t h = 1; h < 50; h += 3) {
        const grid g = odd.draw(w, h);
        (void)c.draw(w, h);
        EXPECT_EQ(g.text().find('\x1b'), std::string::npos);
      }
    if (view == '?') break;
  }
}

TEST(console, sorts_and_scrolls_a_fleet_of_thousands) {
  json d;
  for (int i = 0; i < 3000; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "edge-%04d/device", i);
    d["roles"][name] = {{"kind", "device"}, {"state", "up"}, {"own", {{"version", 5000 - i}}}};
  }
  console c("cloud/stats");
  c.take({live_change::kind::snapshot, 1, d, ""});
  c.press('2');
  const auto first_row = [&] {
    std::istringstream text(c.draw(80, 24).text());
    std::string line;
    for (int i = 0; i < 5; ++i) std::getline(text, line);
    return line.substr(0, 9);
  };
  EXPECT_EQ(first_row(), "edge-0000");
  c.press(key::end);
  EXPECT_EQ(first_row(), "edge-2981");  // 19 rows
  c.press(key::page_up);
  EXPECT_EQ(first_row(), "edge-2962");
  c.press(key::home);
  c.press('s');
  c.press('s');
  EXPECT_EQ(first_row(), "edge-2999");  // by version, the lowest first
  c.press('r');
  EXPECT_EQ(first_row(), "edge-0000");
}

TEST(grid, takes_only_glyphs_of_one_column) {
  grid g(12, 1);
  canvas(g).put(0, 0, "aé→⣿日\x1b\xff\xc3");
  EXPECT_EQ(g.text(), "aé→⣿????\n");
  canvas part = canvas(g).part(3, 0, 4, 1);
  part.put(2, 0, "xyz", style::bold);
  EXPECT_EQ(g.text(), "aé→⣿?xy?\n");
  EXPECT_EQ(g.styles(), ".....bb\n");
}

TEST(grid, has_ascii_for_all_that_the_console_draws) {
  console c = attached();
  for (const char view : {'1', '2', '3', '4', '?'}) {
    c.press(view);
    const grid g = c.draw(120, 40);
    for (std::size_t y = 0; y < g.height(); ++y)
      for (std::size_t x = 0; x < g.width(); ++x) {
        const char32_t glyph = g.at(x, y).glyph;
        if (glyph == U'?') continue;
        EXPECT_NE(ascii_of(glyph), '?') << static_cast<std::uint32_t>(glyph);
      }
  }
}

TEST(chart, puts_dots_where_values_are) {
  grid g(4, 2);
  draw_chart(canvas(g), {{{0.0, 0.0, 1.0, 1.0}, style::adapting, false}}, 0, 1);
  EXPECT_EQ(g.text(), "   ⡏\n  ⣀⠇\n");
}

TEST(chart, bars_fill_by_eighths) {
  grid g(6, 1);
  draw_bar(canvas(g), 0, 0, 6, 0.25, style::flow);
  EXPECT_EQ(g.text(), "█▌░░░░\n");
  draw_bar(canvas(g), 0, 0, 6, 7, style::flow);
  EXPECT_EQ(g.text(), "██████\n");
}

TEST(json_lines, come_back_as_they_went) {
  const live_change changes[] = {{live_change::kind::snapshot, 3, document(), ""},
                                 {live_change::kind::delta, 4, {{"roles", {{"a", nullptr}}}}, ""},
                                 {live_change::kind::lost, 0, {}, "gone"}};
  for (const live_change& c : changes) {
    const auto back = change_of(json_line(std::chrono::milliseconds(1234), c));
    ASSERT_TRUE(back.ok()) << back.err().text();
    EXPECT_EQ(back->at.count(), 1234);
    EXPECT_EQ(back->change.what, c.what);
    EXPECT_EQ(back->change.number, c.number);
    EXPECT_EQ(back->change.why, c.why);
    if (c.what != live_change::kind::lost) {
      EXPECT_EQ(back->change.content, c.content);
    }
  }
  for (const char* bad : {"", "{}", "[1]", R"({"at_ms":1,"type":"delta","number":2})",
                          R"({"at_ms":1,"type":"weather"})", R"({"at_ms":-1,"type":"lost"})"})
    EXPECT_FALSE(change_of(bad).ok()) << bad;
}

}  // namespace
}  // namespace freshet::cli
