#include "actors/stats/bounded_json.hpp"
#include "actors/stats/stats_core.hpp"
#include "tests/support/fake_outbox.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace stats_test {

using namespace std::chrono_literals;
using nlohmann::json;
using test::fake_outbox;
using topology::address;
using topology::error_reply;
using topology::role_report;
using topology::stats_request;
using topology::stats_snapshot;

const address console{"laptop", "console"};
const address teacher{"cloud", "teacher"};
time_point at(duration t) { return time_point{} + 100s + t; }

role_report report_of(const address& a, std::string text, std::uint64_t uptime = 5) {
  return {a.node, a.role, 1234, uptime, std::move(text)};
}
std::unique_ptr<role_core> stats_of(stats_options o = {}) {
  auto core = std::move(*make_stats(o));
  fake_outbox out;
  core->start(at(0s), out);
  return core;
}
json ask(role_core& core, time_point now) {
  fake_outbox out;
  core.handle(console, stats_request{"all"}, now, out);
  const auto answers = out.take<stats_snapshot>();
  EXPECT_EQ(answers.size(), 1U);
  const json all = json::parse(answers.at(0).json);
  EXPECT_EQ(all.at("number"), answers[0].number);
  return all;
}

TEST(bounded_json, takes_objects_within_limits) {
  EXPECT_EQ(*parse_object(R"({"a":[1,{"b":"]}"}]})", {}), json::parse(R"({"a":[1,{"b":"]}"}]})"));
  json_limits limits;
  limits.bytes = 9;
  EXPECT_TRUE(parse_object(R"({"a":123})", limits).ok());
  EXPECT_EQ(parse_object(R"({"a":1234})", limits).err().code, errc::too_large);
  limits = {};
  limits.depth = 3;
  EXPECT_TRUE(parse_object(R"({"a":[[1],[2]],"b":"[[[[[\"[["})", limits).ok());
  EXPECT_EQ(parse_object(R"({"a":[[{}]]})", limits).err().code, errc::too_large);
  EXPECT_EQ(parse_object(std::string(60000, '['), {}).err().code, errc::too_large);
}

TEST(bounded_json, refuses_everything_else) {
  const std::string good = R"({"a":[1,2.5e3,"x\n"],"b":{"c":null}})";
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(parse_object(good.substr(0, n), {}).err().code, errc::corrupt) << "truncated to " << n;
  }
  for (const char* bad : {"[]", "1", "null", "\"x\"", "{\"a\":nan}", "{} {}", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(parse_object(bad, {}).err().code, errc::corrupt) << bad;
  }
}

TEST(stats, answers_with_the_last_word_of_each_role_and_its_age) {
  auto core = stats_of();
  fake_outbox out;
  const address filter{"edge-1", "uplink_filter"};
  core->handle(filter, report_of(filter, R"({"kept":7})"), at(1s), out);
  core->handle(teacher, report_of(teacher, R"({"labels":1})"), at(1s), out);
  core->handle(teacher, report_of(teacher, R"({"labels":2})", 1005), at(2s), out);
  const json all = ask(*core, at(2500ms));
  EXPECT_EQ(all, json::parse(R"({"number":1,"uptime_ms":2500,"roles":[
    {"node":"cloud","role":"teacher","pid":1234,"uptime_ms":1005,"age_ms":500,"silent":false,"stats":{"labels":2}},
    {"node":"edge-1","role":"uplink_filter","pid":1234,"uptime_ms":5,"age_ms":1500,"silent":false,"stats":{"kept":7}}
  ]})"));
  EXPECT_TRUE(out.messages.empty());
  const json later = ask(*core, at(6500ms));
  EXPECT_EQ(later.at("number"), 2);
  EXPECT_EQ(later.at("roles").at(0).at("silent"), false);
  EXPECT_EQ(later.at("roles").at(1).at("silent"), true);
}

TEST(stats, forgets_roles_that_are_gone_for_long) {
  auto core = stats_of();
  fake_outbox out;
  core->handle(teacher, report_of(teacher, "{}"), at(0s), out);
  core->tick(at(599s), out);
  EXPECT_EQ(ask(*core, at(599s)).at("roles").size(), 1U);
  core->tick(at(600s), out);
  EXPECT_EQ(ask(*core, at(600s)).at("roles").size(), 0U);
}

TEST(stats, refuses_reports_that_are_no_good) {
  auto core = stats_of();
  fake_outbox out;
  core->handle(teacher, report_of(teacher, "{\"labels\":"), at(0s), out);
  core->handle(teacher, report_of(teacher, "{\"a\":" + std::string(20, '[') + std::string(20, ']') + "}"), at(0s), out);
  core->handle(teacher, report_of(console, "{}"), at(0s), out);  // in another's name
  const auto replies = out.take<error_reply>();
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(replies[0].refused_type, topology::message_traits<role_report>::number);
  EXPECT_EQ(json::parse(core->stats_json()).at("refused"), 3);
  EXPECT_EQ(ask(*core, at(0s)).at("roles").size(), 0U);
  core->handle(console, stats_request{"weather"}, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().at(0).code, static_cast<std::uint8_t>(errc::unsupported));
  core->handle(console, topology::pace{}, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  core->handle(console, error_reply{}, at(0s), out);
  EXPECT_TRUE(out.messages.empty());
}

TEST(stats, bounds_the_number_of_roles_and_lets_silent_ones_go_first) {
  stats_options options;
  options.max_roles = 2;
  auto core = stats_of(options);
  fake_outbox out;
  const auto role = [](int i) { return address{"n" + std::to_string(i), "device"}; };
  core->handle(role(1), report_of(role(1), "{}"), at(0s), out);
  core->handle(role(2), report_of(role(2), "{}"), at(4s), out);
  core->handle(role(3), report_of(role(3), "{}"), at(4s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  core->handle(role(2), report_of(role(2), "{}"), at(5s), out);
  core->handle(role(3), report_of(role(3), "{}"), at(5s), out);  // 1 has been silent for 5 s
  EXPECT_TRUE(out.messages.empty());
  const json roles = ask(*core, at(5s)).at("roles");
  ASSERT_EQ(roles.size(), 2U);
  EXPECT_EQ(roles[0].at("node"), "n2");
  EXPECT_EQ(roles[1].at("node"), "n3");
}

TEST(stats, bounds_the_bytes_of_all_reports_together) {
  stats_options options;
  options.max_report_bytes = 100;
  auto core = stats_of(options);
  fake_outbox out;
  const auto role = [](int i) { return address{"n" + std::to_string(i), "device"}; };
  const std::string sixty = R"({"a":")" + std::string(52, 'x') + R"("})";
  core->handle(role(1), report_of(role(1), sixty), at(0s), out);
  core->handle(role(1), report_of(role(1), sixty), at(1s), out);  // in place of the former
  EXPECT_TRUE(out.messages.empty());
  core->handle(role(2), report_of(role(2), sixty), at(1s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  core->handle(role(1), report_of(role(1), "{}"), at(2s), out);
  core->handle(role(2), report_of(role(2), sixty), at(2s), out);
  EXPECT_TRUE(out.messages.empty());
}

TEST(stats, a_document_never_outgrows_its_bound) {
  const auto role = [](std::size_t i) { return address{"n" + std::to_string(i), "device"}; };
  const json small{{"version", 3}};
  json with_links = small;
  with_links["links"] = std::string(400, 'l');
  for (const std::size_t limit : {300U, 1000U, 2500U, 4000U, 6000U, 20000U}) {
    stats_options options;
    options.max_document_bytes = limit;
    auto core = stats_of(options);
    fake_outbox out;
    for (std::size_t i = 0; i < 9; ++i) {
      json stats = i % 2 == 0 ? with_links : small;
      if (i == 4) stats["long"] = std::string(900, 'x');
      core->handle(role(i), report_of(role(i), stats.dump()), at(0s), out);
    }
    core->handle(console, stats_request{"all"}, at(1s), out);
    const auto answer = out.take<stats_snapshot>();
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_LE(answer[0].json.size(), limit);
    const json all = json::parse(answer[0].json);
    if (limit >= 2500) {
      EXPECT_EQ(all.at("roles").size(), 9U) << "figures go before names";
    }
    for (const json& r : all.at("roles")) {
      // What was left out is said to be.
      const bool whole = r.at("stats").contains("version") &&
                         (r.at("stats").contains("links") || r.at("node").get<std::string>().back() % 2 == 1);
      EXPECT_NE(r.contains("shortened"), whole) << r.dump();
    }
    if (limit == 20000) {
      EXPECT_EQ(json::parse(core->stats_json()).at("shortened"), 0);
    }
  }
}

TEST(stats, options_that_make_no_sense_are_errors) {
  stats_options options;
  options.forget_after = options.silent_after;
  EXPECT_EQ(make_stats(options).err().code, errc::config);
}

}  // namespace stats_test
}  // namespace freshet::actors
