#include "actors/control/control_core.hpp"

#include "tests/support/fake_outbox.hpp"
#include "tests/support/temporary_folder.hpp"
#include "topology/graph/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using topology::change_step;

const topology::address operator_console{"console-1", "console"};

std::string document(int devices, const std::string& more = "") {
  std::string out = more + "[[nodes]]\nname = \"cloud\"\nlisten = [\"ipc://cloud.sock\"]\n";
  for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
    out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
  for (int i = 1; i <= devices; ++i) {
    const std::string node = "edge-" + std::to_string(i);
    out += "[[nodes]]\nname = \"" + node + "\"\n[[roles]]\nkind = \"device\"\nnode = \"" + node +
           "\"\ndevice_id = " + std::to_string(i) + "\n[[roles]]\nkind = \"uplink_filter\"\nnode = \"" + node + "\"\n";
  }
  return out;
}

class control : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = open();
    revision first;
    first.who = "test";
    first.file = "first.toml";
    first.text = document(2);
    ASSERT_TRUE(store.begin(first).ok());
  }

  revision_store open() {
    auto s = revision_store::open(folder.path() / "revisions.db");
    EXPECT_TRUE(s.ok()) << s.err().text();
    return std::move(s).value();
  }

  /// A new life of CONTROL.
  void live() {
    control_options options;
    options.load = [](const std::string& text, const std::string& file, const std::string& base_dir) {
      topology::load_options load;
      load.file = file;
      load.base_dir = base_dir;
      load.state_dir = "/s";
      return topology::load_graph(text, load);
    };
    options.publish = [this](const std::vector<wanted_node>& nodes) {
      published.clear();
      for (const auto& n : nodes)
        published.push_back(n.name + (n.await ? " waits" : "") + " " + std::to_string(n.revision));
    };
    options.wall_clock = [] { return std::int64_t{1'700'000'000'000}; };
    options.answers = answers;
    auto made = make_control(std::move(options), open());
    ASSERT_TRUE(made.ok()) << made.err().text();
    core = std::move(made).value();
    out.messages.clear();
    core->start(now, out);
  }

  /// One message to CONTROL and its answer.
  topology::operator_answer exchange(const std::string& verb, const json& request) {
    core->handle(operator_console, topology::operator_request{7, verb, request.dump()}, now, out);
    const auto said = out.take<topology::operator_answer>();
    EXPECT_EQ(said.size(), 1U);
    return said.empty() ? topology::operator_answer{} : said.front();
  }
  /// A question, and its answer however many messages that takes.
  json ask(const std::string& verb, const json& request) {
    auto said = exchange(verb, request);
    parts = said.parts;
    for (std::uint32_t part = 1; part < parts; ++part) said.json += exchange("part", {{"part", part}}).json;
    return json::parse(said.json, nullptr, false);
  }
  /// All of the nodes go along with revision `number`, coming from `before`.
  void all_go_along(const std::vector<std::string>& nodes, std::uint64_t before, std::uint64_t number) {
    for (const auto& node : nodes) hear(node, number, before, true);
    for (const bool finished : {false, true})
      for (const auto& node : nodes) hear(node, 0, number, finished);
  }

  void hear(const std::string& node, std::uint64_t prepared, std::uint64_t active, bool finished,
            std::uint64_t failed = 0) {
    core->handle({node, "agent"}, topology::node_report{node, prepared, active, finished, failed, "its reason"}, now,
                 out);
  }

  /// Who is told what, since the last call.
  std::vector<std::string> orders() {
    std::vector<std::string> all;
    for (const auto& m : out.messages)
      if (const auto* o = std::get_if<topology::topology_order>(&m.message))
        all.push_back(m.to.text() + " " + std::to_string(o->revision) + " " +
                      (o->step == change_step::prepare  ? "prepare"
                       : o->step == change_step::become ? "become"
                                                        : "finish"));
    out.messages.clear();
    return all;
  }

  test::temporary_folder folder;
  test::fake_outbox out;
  long_answers::limits answers;
  std::uint32_t parts = 1;   ///< of the last answer
  std::unique_ptr<role_core> core;
  std::vector<std::string> published;
  time_point now{1h};
};

TEST_F(control, adds_a_device) {
  live();
  EXPECT_THAT(published, ElementsAre("cloud 1", "edge-1 1", "edge-2 1"));
  const json said = ask("apply", {{"text", document(3)}, {"file", "more.toml"}, {"who", "ada"}});
  EXPECT_EQ(said["revision"], 2);
  EXPECT_EQ(said["state"], "preparing");
  EXPECT_THAT(published, ElementsAre("cloud 1", "edge-1 1", "edge-2 1", "edge-3 waits 2"));
  EXPECT_THAT(orders(), ElementsAre("cloud/agent 2 prepare", "edge-3/agent 2 prepare"));
  hear("cloud", 2, 1, true);
  hear("edge-3", 2, 0, false);
  EXPECT_THAT(orders(), ElementsAre("cloud/agent 2 become", "edge-3/agent 2 become"));
  hear("cloud", 0, 2, false);
  hear("edge-3", 0, 2, false);
  EXPECT_THAT(orders(), ElementsAre("cloud/agent 2 finish", "edge-3/agent 2 finish"));
  hear("cloud", 0, 2, true);
  hear("edge-3", 0, 2, true);
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "applied");
  EXPECT_THAT(published, ElementsAre("cloud 2", "edge-1 2", "edge-2 2", "edge-3 2"));
  // Those that had nothing to do are told in passing.
  hear("edge-1", 0, 1, true);
  EXPECT_THAT(orders(), ElementsAre("edge-1/agent 2 become"));
}

TEST_F(control, says_all_that_is_wrong_with_a_document_and_changes_nothing) {
  live();
  const json said = ask("apply", {{"text", "[nodez]\n" + document(1)}, {"file", "bad.toml"}});
  EXPECT_EQ(said["error"], "config");
  EXPECT_THAT(said["text"].get<std::string>(), HasSubstr("bad.toml:1:"));
  EXPECT_EQ(ask("history", json::object())["revisions"].size(), 1U);
  const json moved = ask("apply", {{"text", document(2, "[links]\nqueue_limit = 9\n")}, {"file", "x.toml"}});
  EXPECT_FALSE(moved["refusals"].empty());
  EXPECT_FALSE(moved.contains("state"));
  EXPECT_EQ(ask("history", json::object())["revisions"].size(), 1U);
  EXPECT_THAT(orders(), ElementsAre());
}

TEST_F(control, reverts_when_a_node_says_no) {
  live();
  ask("apply", {{"text", document(2, "[compressor]\ncodec = \"dense4\"\n[uplink_filter]\ntoken_share = 0.5\n")}});
  EXPECT_THAT(orders(),
              UnorderedElementsAre("cloud/agent 2 prepare", "edge-1/agent 2 prepare", "edge-2/agent 2 prepare"));
  hear("cloud", 2, 1, true);
  hear("edge-1", 2, 1, true);
  orders();
  hear("edge-2", 0, 1, true, 2);
  // Those who had prepared are told to drop it, and are waited for.
  EXPECT_THAT(orders(), UnorderedElementsAre("cloud/agent 1 finish", "edge-1/agent 1 finish"));
  hear("edge-1", 0, 1, true);
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "reverting");
  hear("cloud", 0, 1, true);
  const json ended = ask("change", {{"revision", 2}});
  EXPECT_EQ(ended["state"], "reverted");
  EXPECT_EQ(ended["note"], "node edge-2: its reason");
  EXPECT_EQ(ask("history", json::object())["current"], 1);
}

TEST_F(control, refuses_a_second_change_until_the_first_has_ended) {
  live();
  ask("apply", {{"text", document(3)}});
  const json second = ask("apply", {{"text", document(1)}});
  EXPECT_EQ(second["error"], "overloaded");
  EXPECT_THAT(second["text"].get<std::string>(), HasSubstr("revision 2 is preparing"));
}

TEST_F(control, killed_while_preparing_it_reverts) {
  live();
  ask("apply", {{"text", document(3)}});
  live();
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "reverting");
  orders();
  hear("cloud", 2, 1, true);   // it had prepared; nobody waits for the newcomer
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "reverting");
  EXPECT_THAT(orders(), ElementsAre("cloud/agent 1 finish"));
  hear("cloud", 0, 1, true);
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "reverted");
  EXPECT_THAT(published, ElementsAre("cloud 1", "edge-1 1", "edge-2 1"));
}

TEST_F(control, killed_while_switching_it_goes_on) {
  live();
  ask("apply", {{"text", document(2, "[uplink_filter]\ntoken_share = 0.5\n")}});
  hear("edge-1", 2, 1, true);
  hear("edge-2", 2, 1, true);
  hear("edge-1", 0, 2, false);
  live();
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "switching");
  hear("edge-1", 0, 2, false);
  hear("edge-2", 0, 2, false);
  hear("edge-1", 0, 2, true);
  hear("edge-2", 0, 2, true);
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "applied");
  // And a life after that knows it.
  live();
  EXPECT_EQ(ask("history", json::object())["current"], 2);
}

TEST_F(control, goes_back_to_an_older_revision) {
  live();
  ask("apply", {{"text", document(1)}});
  for (const char* node : {"cloud", "edge-2"}) hear(node, 2, 1, true);
  for (const bool finished : {false, true})
    for (const char* node : {"cloud", "edge-2"}) hear(node, 0, 2, finished);
  ASSERT_EQ(ask("change", {{"revision", 2}})["state"], "applied");
  const json back = ask("apply", {{"revision", 1}, {"who", "ada"}});
  EXPECT_EQ(back["revision"], 3);
  EXPECT_EQ(back["steps"][0]["do"], "start node");
  EXPECT_EQ(ask("apply", {{"revision", 99}})["error"], "overloaded");
}

TEST_F(control, tells_one_that_takes_no_part_to_drop_what_it_prepared) {
  live();
  hear("edge-1", 9, 1, true);   // of a change that nobody knows of any more
  EXPECT_THAT(orders(), Contains("edge-1/agent 1 finish"));
}

TEST_F(control, takes_no_change_that_was_made_for_an_older_revision) {
  live();
  const auto lab = [](const char* share) { return document(2, std::string("[uplink_filter]\ntoken_share = ") + share + "\n"); };
  const json first = ask("apply", {{"text", lab("0.5")}, {"who", "ada"}, {"based_on", 1}});
  EXPECT_EQ(first["state"], "preparing");
  all_go_along({"edge-1", "edge-2"}, 1, 2);
  ASSERT_EQ(ask("change", {{"revision", 2}})["state"], "applied");
  // Bob looked at revision 1 too, and knows nothing of what Ada did.
  const json second = ask("apply", {{"text", lab("0.7")}, {"who", "bob"}, {"based_on", 1}});
  EXPECT_EQ(second["error"], "wrong_base");
  EXPECT_THAT(second["text"].get<std::string>(), HasSubstr("made for revision 1, and revision 2 of ada runs by now"));
  EXPECT_EQ(ask("history", json::object())["revisions"].size(), 2U);
  EXPECT_EQ(ask("apply", {{"text", lab("0.7")}, {"who", "bob"}, {"based_on", 2}})["state"], "preparing");
}

TEST_F(control, remembers_the_last_revisions_and_the_nodes_there_are) {
  {
    auto store = open();
    revision first;
    first.file = "short.toml";
    first.text = document(2, "[changes]\nkept_revisions = 3\n");
    ASSERT_TRUE(store.begin(first).ok());
  }
  live();
  std::uint64_t runs = 2;
  for (int i = 0; i < 10; ++i) {
    const std::string share = "0." + std::to_string(i + 1);
    const json said = ask("apply", {{"text", document(2, "[changes]\nkept_revisions = 3\n[uplink_filter]\ntoken_share = " + share + "\n")}});
    ASSERT_EQ(said.value("state", ""), "preparing") << said;
    const auto number = said["revision"].get<std::uint64_t>();
    all_go_along({"edge-1", "edge-2"}, runs, number);
    runs = number;
  }
  const json kept = ask("history", json::object());
  EXPECT_EQ(kept["current"], 12);
  // The last three, and what the daemon was started with.
  std::vector<std::uint64_t> numbers;
  for (const json& r : kept["revisions"]) numbers.push_back(r["revision"]);
  EXPECT_THAT(numbers, ElementsAre(12U, 11U, 10U, 2U));
  EXPECT_EQ(ask("apply", {{"revision", 5}})["error"], "not_found");
  // A stranger and one that has gone are forgotten after a while; those of the topology are not.
  hear("edge-9", 0, 0, true);
  EXPECT_EQ(json::parse(core->stats_json())["nodes_heard"], 3);
  now += 20s;
  core->tick(now, out);
  EXPECT_EQ(json::parse(core->stats_json())["nodes_heard"], 2);
}

/// As many devices as a document can describe with a few lines: the answers are megabytes.
TEST_F(control, plans_and_applies_with_five_thousand_devices) {
  const auto fleet = [](const char* share) {
    std::string text = "[changes]\nsettle = \"1s\"\n[device]\nsamples_per_second = " + std::string(share) + "\n" + document(0);
    text += "[[nodes]]\nname = \"edge\"\n[[roles]]\nkind = \"uplink_filter\"\nnode = \"edge\"\n";
    for (int i = 0; i < 20; ++i)
      text += "[[roles]]\nkind = \"device\"\nnode = \"edge\"\nname = \"d" + std::to_string(i) + "\"\nreplicas = 250\n";
    return text;
  };
  {
    auto store = open();
    revision first;
    first.file = "fleet.toml";
    first.text = fleet("1.0");
    const auto began = store.begin(first);
    ASSERT_TRUE(began.ok()) << began.err().text();
  }
  live();
  const json plan = ask("plan", {{"text", fleet("2.0")}, {"file", "faster.toml"}});
  ASSERT_TRUE(plan.is_object());
  EXPECT_EQ(plan["steps"].size(), 5000U);
  EXPECT_GT(parts, 1U) << "an answer of one message would not show anything";
  EXPECT_EQ(plan["steps"][4999]["do"], "restart");
  const json said = ask("apply", {{"text", fleet("2.0")}, {"file", "faster.toml"}});
  EXPECT_EQ(said["state"], "preparing");
  EXPECT_EQ(said["steps"].size(), 5000U);
  all_go_along({"edge"}, 2, 3);
  const json brief = ask("change", {{"revision", 3}, {"brief", true}});
  EXPECT_EQ(brief["state"], "applied");
  EXPECT_FALSE(brief.contains("text"));
  EXPECT_EQ(parts, 1U);
  const json whole = ask("change", {{"revision", 3}});
  EXPECT_EQ(whole["steps"].size(), 5000U);
  const json list = ask("history", json::object());
  EXPECT_EQ(list["revisions"][0]["steps"].size(), 100U);
  EXPECT_EQ(list["revisions"][0]["more_steps"], 4900);
  EXPECT_EQ(exchange("part", {{"part", 9'999}}).parts, 1U);
}

TEST_F(control, tells_stats_who_there_is) {
  live();
  const auto first = out.take<topology::operator_request>();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].verb, "roster");
  EXPECT_EQ(json::parse(first[0].json)["edge-2/device"], "device");
  ask("apply", {{"text", document(1)}});
  for (const char* node : {"cloud", "edge-2"}) hear(node, 2, 1, true);
  for (const bool finished : {false, true})
    for (const char* node : {"cloud", "edge-2"}) hear(node, 0, 2, finished);
  const auto second = out.take<topology::operator_request>();
  ASSERT_FALSE(second.empty());
  EXPECT_FALSE(json::parse(second.back().json).contains("edge-2/device"));
}

TEST_F(control, a_node_speaks_for_itself_only) {
  live();
  ask("apply", {{"text", document(3)}});
  core->handle({"edge-1", "agent"}, topology::node_report{"edge-3", 2, 2, true, 0, ""}, now, out);
  EXPECT_EQ(ask("change", {{"revision", 2}})["state"], "preparing");
}

TEST_F(control, answers_nonsense) {
  live();
  core->handle(operator_console, topology::operator_request{1, "apply", "[1,2"}, now, out);
  EXPECT_THAT(out.take<topology::operator_answer>().at(0).json, HasSubstr("invalid_argument"));
  EXPECT_EQ(ask("dance", json::object())["error"], "unsupported");
  EXPECT_EQ(ask("apply", json::object())["error"], "invalid_argument");
  EXPECT_EQ(ask("apply", {{"text", std::string(1'000'000, '#')}})["error"], "too_large");
}

}  // namespace
}  // namespace freshet::actors
