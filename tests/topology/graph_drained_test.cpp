// Nodes that a document keeps and that do not run.
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string document(const std::string& drained, const std::string& teacher_node = "cloud") {
  std::string out = drained + "[[nodes]]\nname = \"cloud\"\nlisten = [\"ipc://cloud.sock\"]\n";
  for (const char* kind : {"intake", "distiller", "compressor", "deployer", "stats"})
    out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
  if (teacher_node != "cloud") out += "[[nodes]]\nname = \"" + teacher_node + "\"\n";
  out += "[[roles]]\nkind = \"teacher\"\nnode = \"" + teacher_node + "\"\n";
  for (const char* edge : {"edge-1", "edge-2", "edge-3"}) {
    const std::string on = "node = \"" + std::string(edge) + "\"\n";
    out += "[[nodes]]\nname = \"" + std::string(edge) + "\"\n[[roles]]\nkind = \"device\"\n" + on +
           "[[roles]]\nkind = \"uplink_filter\"\n" + on;
  }
  return out;
}

result<graph> load(const std::string& text) {
  load_options options;
  options.file = "f.toml";
  options.state_dir = "/s";
  return load_graph(text, options);
}

TEST(drained, nodes_are_left_out_and_the_devices_of_others_keep_their_numbers) {
  const graph all = load(document("")).value();
  const graph fewer = load(document("drained = [\"edge-1\"]\n")).value();
  EXPECT_EQ(fewer.find_node("edge-1"), nullptr);
  EXPECT_THAT(fewer.roles_on("edge-1"), IsEmpty());
  EXPECT_EQ(fewer.find_role({"edge-2", "device"})->device, all.find_role({"edge-2", "device"})->device);
  const change_plan out = plan_change(all, fewer);
  EXPECT_THAT(out.refusals, IsEmpty());
  std::vector<std::string> steps;
  for (const plan_step& s : out.steps) steps.push_back(s.text());
  EXPECT_THAT(steps, ElementsAre("stop edge-1/device", "stop edge-1/uplink_filter", "stop node edge-1"));
  const change_plan back = plan_change(fewer, all);
  EXPECT_THAT(back.refusals, IsEmpty());
  EXPECT_EQ(back.steps.size(), 3U);
}

TEST(drained, a_name_that_is_none_is_told_with_advice) {
  const auto wrong = load(document("drained = [\"egde-1\"]\n"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.err().context, HasSubstr("drained: \"egde-1\" is no node of this file"));
  EXPECT_THAT(wrong.err().context, HasSubstr("edge-1"));
}

TEST(drained, what_only_a_drained_node_has_is_missing) {
  const auto none = load(document("drained = [\"lab\"]\n", "lab"));
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.err().context, HasSubstr("no teacher"));
  EXPECT_THAT(none.err().context, HasSubstr("drained node"));
  // What keeps state of the cloud cannot go either.
  EXPECT_FALSE(load(document("drained = [\"cloud\"]\n")).ok());
}

}  // namespace
}  // namespace freshet::topology
