// Every problem of a file, at its line and column, with what would be right.
#include "config/document.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/parse.hpp"

namespace freshet::config {
namespace {

struct wrong {
  const char* text;
  const char* expected;   ///< all lines of the report
};

class document_problems : public ::testing::TestWithParam<wrong> {};

TEST_P(document_problems, are_reported_where_they_are) {
  problems found("f.toml");
  (void)read_document(GetParam().text, found);
  EXPECT_EQ(found.text(), GetParam().expected) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    table, document_problems,
    ::testing::Values(
        wrong{"[device]\nbatch = \"4\"\n",
              "f.toml:2:9: device.batch: \"4\" is not a whole number of zero or more; write it without quotes"},
        wrong{"[device]\nbatch = -1\n", "f.toml:2:9: device.batch: -1 is not a whole number of zero or more"},
        wrong{"[device]\n  batch=0\n", "f.toml:2:9: device.batch: 0 is out of bounds; it must be from 1 to 256"},
        wrong{"[device]\nbatch = 99999999999\n",
              "f.toml:2:9: device.batch: 99999999999 is not a whole number of zero or more"},
        wrong{"[device]\nbatch = 1.5\n", "f.toml:2:9: device.batch: 1.5 is not a whole number of zero or more"},
        wrong{"[device]\ntwin = \"true\"\n",
              "f.toml:2:8: device.twin: \"true\" is not true or false; write it without quotes"},
        wrong{"[device]\nbacth = 4\n", "f.toml:2:1: device.bacth: no such setting; did you mean batch?"},
        wrong{"[device]\nmodel = 5\n", "f.toml:2:9: device.model: 5 is not a text; write it in quotes"},
        wrong{"[device]\nmodel = 2020-01-02\n",
              "f.toml:2:9: device.model: 2020-01-02 is not a text; write it in quotes"},
        wrong{"[device]\nmodel = \"\"\n", "f.toml:2:9: device.model: \"\": name the folder of the student"},
        wrong{"[device]\nsamples_per_second = inf\n", "f.toml:2:22: device.samples_per_second: inf is not a number"},
        wrong{"[device.source]\nseverity = 1.5\n",
              "f.toml:2:12: device.source.severity: 1.5 is out of bounds; it must be from 0.0 to 1.0"},
        wrong{"[device]\nsource = 3\n", "f.toml:2:10: device.source: 3 is not a table of settings"},
        wrong{"[device]\nsource = { phases = [] }\n",
              "f.toml:2:21: device.source.phases: []: name 1 to 1000 phases"},
        wrong{"[device]\nsource = { phases = \"fog\" }\n",
              "f.toml:2:21: device.source.phases: \"fog\" is not a list of texts; write [\"fog\"]"},
        wrong{"[uplink_filter]\nflush_interval = 500\n",
              "f.toml:2:18: uplink_filter.flush_interval: 500 is not a duration such as \"500ms\", \"2s\", \"5m\" or "
              "\"1h\"; it needs its unit: \"500ms\" or \"500s\""},
        wrong{"[uplink_filter]\nflush_interval = \"0s\"\n",
              "f.toml:2:18: uplink_filter.flush_interval: \"0s\" is out of bounds; it must be from \"1ms\" to \"1h\""},
        wrong{"[uplink_filter]\nbudget_bytes_per_sample = \"64kb\"\n",
              "f.toml:2:27: uplink_filter.budget_bytes_per_sample: \"64kb\" is not a size such as \"64KB\", \"2MiB\" or "
              "a whole number of bytes"},
        wrong{"[uplink_filter]\ngate = \"bugdet\"\n",
              "f.toml:2:8: uplink_filter.gate: \"bugdet\" is no known gate; did you mean budget?"},
        wrong{"[uplink_filter]\npolarity = \"sideways\"\n",
              "f.toml:2:12: uplink_filter.polarity: \"sideways\" is no known polarity; known are high and low"},
        wrong{"[uplink_filter]\nscores = [\"entropy\", \"margni\"]\n",
              "f.toml:2:22: uplink_filter.scores: \"margni\" is no known scores; did you mean margin?"},
        wrong{"[distiller]\nlearning_rate = 1e-4\nfinal_learning_rate = 1e-3\n",
              "f.toml:3:1: distiller.final_learning_rate: 0.001 is above learning_rate = 1e-04; the rate only falls"},
        wrong{"[distiller]\nmicro_batch = 4097\n",
              "f.toml:2:15: distiller.micro_batch: 4097 is out of bounds; it must be from 0 to 4096"},
        wrong{"[distiller]\nreplay_share = 0.9\n",
              "f.toml:2:1: distiller.replay_share: 0.9 and source_replay_share = 0.4 together exceed 1; what is left "
              "of 1 is the share of new samples"},
        wrong{"[distiller.terms]\npseudo_label = 0\nlogit_kd = 0\n",
              "f.toml:1:12: distiller.terms: all of pseudo_label, visual_qkd, hidden_qkd and logit_kd are 0; the "
              "student would learn nothing"},
        wrong{"[deployer]\nprefer_snapshot_after = 33\n",
              "f.toml:2:1: deployer.prefer_snapshot_after: 33 is above history_versions = 32; older updates are not "
              "kept"},
        wrong{"[links]\nqueue_limit = 2\n",
              "f.toml:1:1: links.initial_credit: 4 is above queue_limit = 2; the queue could never use it"},
        wrong{"[stats]\nreport_interval = \"1h\"\n",
              "f.toml:1:1: stats.forget_after: \"10m\" is not above report_interval = \"1h\"; every role would be left "
              "out"},
        wrong{"[teachr]\n", "f.toml:1:2: teachr: no such setting; did you mean teacher?"},
        wrong{"state_dir = \"\"\n", "f.toml:1:13: state_dir: \"\": name a folder"},
        wrong{"roles = 5\n", "f.toml:1:9: roles: 5 is not a list of tables; write [[roles]] before each"},
        wrong{"nodes = [5]\n", "f.toml:1:10: nodes: 5 is not a table; write [[nodes]] before each"},
        wrong{"[[nodes]]\n", "f.toml:1:1: nodes.name: missing; write, say, name = \"cloud\""},
        wrong{"[[nodes]]\nname = \"a b\"\n",
              "f.toml:2:8: nodes.name: \"a b\": a name has only letters, digits, hyphens and underscores"},
        wrong{"[[roles]]\nnode = \"cloud\"\nkind = \"teach\"\n",
              "f.toml:3:8: roles.kind: \"teach\" is no known kind; did you mean teacher?"},
        wrong{"[[roles]]\nnode = \"cloud\"\nkind = \"stats\"\nsettings = { batch = 1 }\n",
              "f.toml:4:14: roles.settings.batch: no such setting; known are report_interval and forget_after"},
        wrong{"[[roles]]\nnode = \"cloud\"\nkind = \"bench\"\nsettings = { a = 1 }\n",
              "f.toml:4:14: roles.settings.a: no such setting; there is nothing to set here"}));

TEST(document, reports_all_problems_in_the_order_of_the_file) {
  problems found("f.toml");
  const auto doc = read_document(
      "statedir = \"x\"\n"
      "[[roles]]\n"
      "kind = \"device\"\n"
      "settings = { batch = 0, colour = 1 }\n"
      "[device]\n"
      "batch = true\n",
      found);
  ASSERT_TRUE(doc.has_value());
  EXPECT_FALSE(doc->all_entries_read);
  EXPECT_EQ(found.text(),
            "f.toml:1:1: statedir: no such setting; did you mean state_dir?\n"
            "f.toml:2:1: roles.node: missing; write, say, node = \"edge-1\"\n"
            "f.toml:4:22: roles.settings.batch: 0 is out of bounds; it must be from 1 to 256\n"
            "f.toml:4:25: roles.settings.colour: no such setting; known are model, chat_template, samples_per_second, batch, twin, "
             "state_dir, trusted_keys, source and self_test\n"
            "f.toml:6:9: device.batch: true is not a whole number of zero or more");
}

TEST(document, what_is_not_toml_is_one_problem_with_its_place) {
  for (const char* text : {"a = \n", "[device\n", "a = 1\na = 2\n", "[device]\nbatch = 01\n"}) {
    problems found("f.toml");
    EXPECT_FALSE(read_document(text, found).has_value()) << text;
    ASSERT_EQ(found.size(), 1U) << text;
    EXPECT_GE(found.sorted()[0].at.line, 1U) << text;
    EXPECT_NE(found.text().find("not TOML"), std::string::npos) << found.text();
  }
  problems found("f.toml");
  EXPECT_FALSE(read_document("[device]\nbatch = = 2\n", found).has_value());
  EXPECT_EQ(found.sorted()[0].at.line, 2U);
}

TEST(document, hostile_text_is_refused_not_followed) {
  problems deep("f.toml");
  EXPECT_FALSE(read_document("a = " + std::string(100'000, '['), deep).has_value());
  problems large("f.toml");
  EXPECT_FALSE(read_document(std::string(largest_document_bytes + 1, '\n'), large).has_value());
  EXPECT_NE(large.text().find("at most 1048576"), std::string::npos);
  problems many("f.toml");
  std::string entries = "nodes = [";
  for (int i = 0; i < 10'001; ++i) entries += "{},";
  (void)read_document(entries + "]", many);
  EXPECT_EQ(many.size(), 1U);
}

TEST(document, settings_of_a_role_stand_above_those_of_its_kind) {
  problems found("f.toml");
  const auto doc = read_document(
      "[device]\nbatch = 2\nsamples_per_second = 5\n"
      "source = { seed = 9, severity = 0.5 }\n"
      "[[roles]]\nkind = \"device\"\nnode = \"e\"\nsettings.samples_per_second = 7.5\n"
      "settings.source.seed = 3\n"
      "[[roles]]\nkind = \"device\"\nnode = \"f\"\nname = \"camera\"\n",
      found);
  EXPECT_EQ(found.text(), "");
  ASSERT_TRUE(doc.has_value());
  ASSERT_EQ(doc->roles.size(), 2U);
  const auto& first = std::get<device_settings>(doc->roles[0].settings);
  EXPECT_EQ(first.batch, 2U);
  EXPECT_EQ(first.samples_per_second, 7.5);
  EXPECT_EQ(first.source.seed, 3U);
  EXPECT_EQ(first.source.severity, 0.5);
  EXPECT_EQ(doc->roles[0].entry.name, "device");
  const auto& second = std::get<device_settings>(doc->roles[1].settings);
  EXPECT_EQ(second.samples_per_second, 5);
  EXPECT_EQ(second.source.seed, 9U);
  EXPECT_EQ(doc->roles[1].entry.name, "camera");
  EXPECT_EQ(doc->roles[1].name_at, (position{13, 8}));
}

TEST(document, kinds_and_settings_are_in_the_same_order) {
  ASSERT_EQ(role_kinds().size(), std::variant_size_v<role_settings>);
  EXPECT_EQ(name(kind_of(role_settings(device_settings{}))), "device");
  EXPECT_EQ(name(kind_of(role_settings(uplink_filter_settings{}))), "uplink_filter");
  EXPECT_EQ(name(kind_of(role_settings(intake_settings{}))), "intake");
  EXPECT_EQ(name(kind_of(role_settings(teacher_settings{}))), "teacher");
  EXPECT_EQ(name(kind_of(role_settings(distiller_settings{}))), "distiller");
  EXPECT_EQ(name(kind_of(role_settings(compressor_settings{}))), "compressor");
  EXPECT_EQ(name(kind_of(role_settings(deployer_settings{}))), "deployer");
  EXPECT_EQ(name(kind_of(role_settings(stats_settings{}))), "stats");
  EXPECT_EQ(name(kind_of(role_settings(bench_settings{}))), "bench");
  EXPECT_EQ(kind_of(role_settings(stats_settings{})), role_kind::stats);
  EXPECT_EQ(kind_of(role_settings(deployer_settings{})), role_kind::deployer);
}

TEST(text_file, says_what_is_wrong_with_a_path) {
  EXPECT_EQ(read_text_file("/nonexistent/x.toml").err().code, errc::not_found);
  EXPECT_EQ(read_text_file("/").err().code, errc::io);
  EXPECT_EQ(read_text_file("/dev/zero").err().code, errc::io);
}

}  // namespace
}  // namespace freshet::config
