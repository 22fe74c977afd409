#include "tools/freshet/log.hpp"

#include <regex>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

namespace freshet::cli {
namespace {

std::string written(std::unique_ptr<spdlog::formatter> formatter, const std::string& text,
                    spdlog::level::level_enum level = spdlog::level::info) {
  std::ostringstream out;
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(out);
  sink->set_formatter(std::move(formatter));
  spdlog::logger log("edge-1", sink);
  log.set_level(spdlog::level::trace);
  log.log(level, text);
  log.flush();
  return out.str();
}

TEST(json_log, is_one_object_a_line_whatever_the_text_holds) {
  using namespace std::string_literals;
  for (const std::string& text :
       {"plain"s, "\"quoted\" \\ and {braces}"s, "two\nlines\r\n"s, "bytes \xff\xfe\x80 that are no text"s,
        "a NUL \0 and \x1b[31mred"s, "ends in half a character \xe2\x82"s, ""s}) {
    const std::string line = written(json_formatter(), text);
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << line;
    EXPECT_EQ(parsed["node"], "edge-1");
    EXPECT_EQ(parsed["level"], "info");
    EXPECT_TRUE(
        std::regex_match(parsed["time"].get<std::string>(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
    EXPECT_FALSE(parsed.contains("role"));
    const bool is_text = text.find('\xff') == std::string::npos && text.find('\xe2') == std::string::npos;
    if (is_text) {
      EXPECT_EQ(parsed["text"], text);
    }
  }
}

TEST(json_log, names_the_role_where_the_engine_does) {
  auto parsed =
      nlohmann::json::parse(written(json_formatter(), "edge-1/uplink_filter: shed 3 samples", spdlog::level::warn));
  EXPECT_EQ(parsed["role"], "uplink_filter");
  EXPECT_EQ(parsed["text"], "shed 3 samples");
  EXPECT_EQ(parsed["level"], "warn");
  parsed = nlohmann::json::parse(written(json_formatter(), "edge-1: cloud is cut off"));
  EXPECT_EQ(parsed["text"], "cloud is cut off");
  for (const char* other : {"edge-12/device: x", "edge-1/a b: x", "edge-1/: x", "edge-1x: y", "edge-1/device:x"}) {
    parsed = nlohmann::json::parse(written(json_formatter(), other));
    EXPECT_EQ(parsed["text"], other);
    EXPECT_FALSE(parsed.contains("role")) << other;
  }
}

TEST(text_log, stays_one_line) {
  const std::string line =
      written(text_formatter(), "edge-1/device: forged\n2026-01-01 error x\x1b[2J", spdlog::level::critical);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(std::regex_match(
      line,
      std::regex(
          R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z critical edge-1/device: forged\\n2026-01-01 error x\\x1b\[2J\n)")))
      << line;
}

TEST(make_log, heeds_level) {
  EXPECT_FALSE(make_log({"warn", "json"}, "n")->should_log(spdlog::level::info));
  EXPECT_TRUE(make_log({"warn", "json"}, "n")->should_log(spdlog::level::warn));
  EXPECT_TRUE(make_log({"debug", "text"}, "n")->should_log(spdlog::level::debug));
  EXPECT_FALSE(make_log({"error", "text"}, "n")->should_log(spdlog::level::warn));
}

}  // namespace
}  // namespace freshet::cli
