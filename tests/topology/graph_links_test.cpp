#include "topology/graph/links.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

namespace freshet::topology {
namespace {

graph loaded_graph(const std::string& text) {
  load_options options;
  options.state_dir = "/s";
  auto g = load_graph(text, options);
  EXPECT_TRUE(g.ok()) << g.err().text();
  return std::move(g).value();
}

std::string cloud(const std::string& node = "cloud") {
  std::string out = "[[nodes]]\nname = \"" + node + "\"\nlisten = [\"ipc://" + node + ".sock\"]\n";
  for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
    out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"" + node + "\"\n";
  return out;
}
std::string node(const std::string& name, const std::string& more = "") {
  return "[[nodes]]\nname = \"" + name + "\"\n" + more;
}
std::string role(const std::string& kind, const std::string& where, const std::string& more = "") {
  return "[[roles]]\nkind = \"" + kind + "\"\nnode = \"" + where + "\"\n" + more;
}

std::set<std::pair<std::string, std::string>> pairs(const graph& g) {
  std::set<std::pair<std::string, std::string>> all;
  for (const link& l : links_of(g)) EXPECT_TRUE(all.emplace(l.from.text(), l.to.text()).second) << l.from.text();
  return all;
}

TEST(links, are_the_loop) {
  const graph g = loaded_graph(cloud() + node("e") + role("device", "e") + role("uplink_filter", "e"));
  std::set<std::pair<std::string, std::string>> expected = {
      {"e/device", "e/uplink_filter"},         {"e/uplink_filter", "cloud/intake"},
      {"cloud/intake", "cloud/teacher"},       {"cloud/teacher", "cloud/distiller"},
      {"cloud/distiller", "cloud/intake"},     {"cloud/distiller", "cloud/compressor"},
      {"cloud/compressor", "cloud/distiller"}, {"cloud/distiller", "cloud/deployer"},
      {"cloud/deployer", "e/device"},          {"e/device", "cloud/deployer"},
      {"cloud/deployer", "cloud/distiller"}};
  for (const char* role : {"e/device", "e/uplink_filter", "cloud/intake", "cloud/teacher", "cloud/distiller", "cloud/compressor",
                           "cloud/deployer"})
    expected.emplace(role, "cloud/stats");
  EXPECT_EQ(pairs(g), expected);
}

TEST(links, bench_paces_devices_and_hears_the_distiller) {
  const graph g = loaded_graph(cloud() + role("bench", "cloud") + node("e") + role("device", "e") + role("uplink_filter", "e"));
  const auto all = pairs(g);
  EXPECT_EQ(all.count({"cloud/bench", "e/device"}), 1U);
  EXPECT_EQ(all.count({"e/device", "cloud/bench"}), 1U);
  EXPECT_EQ(all.count({"cloud/distiller", "cloud/bench"}), 1U);
}

TEST(links, devices_and_filters_of_a_node_pair_up_or_share) {
  const graph pairs = loaded_graph(cloud() + node("e") + role("device", "e", "replicas = 3\n") + role("uplink_filter", "e", "replicas = 3\n"));
  const role_spec* second = pairs.find_role({"e", "device-2"});
  ASSERT_NE(second, nullptr);
  ASSERT_NE(filter_of(pairs, *second), nullptr);
  EXPECT_EQ(filter_of(pairs, *second)->name, "uplink_filter-2");

  const graph shared = loaded_graph(cloud() + node("e") + role("device", "e", "replicas = 3\n") + role("uplink_filter", "e"));
  EXPECT_EQ(filter_of(shared, *shared.find_role({"e", "device-3"}))->name, "uplink_filter");
}

TEST(links, a_filter_of_another_node_is_no_filter) {
  const graph g = loaded_graph(cloud() + node("e") + role("device", "e") + role("uplink_filter", "e") + node("f") + role("device", "f") +
                       role("uplink_filter", "f", "name = \"uts\"\n"));
  EXPECT_EQ(filter_of(g, *g.find_role({"f", "device"}))->where().text(), "f/uts");
}

TEST(peers, who_does_not_listen_connects) {
  const graph g = loaded_graph(embedded_default({}));
  EXPECT_TRUE(peers_of(g, "cloud").empty());
  for (const char* edge : {"edge-1", "edge-2", "edge-3", "edge-4"})
    EXPECT_EQ(peers_of(g, edge), (std::map<std::string, std::string>{{"cloud", "ipc:///s/cloud.sock"}}));
  EXPECT_TRUE(peers_of(g, "nowhere").empty());
}

TEST(peers, of_two_that_listen_the_later_one_connects) {
  const std::string text = node("a", "listen = [\"ipc://a.sock\", \"ipc://a2.sock\"]\n") + node("b", "listen = [\"ipc://b.sock\"]\n") +
                           node("e") + role("device", "e") + role("uplink_filter", "e") + role("intake", "a") +
                           role("teacher", "b") + role("distiller", "a") + role("compressor", "a") + role("deployer", "a");
  const graph g = loaded_graph(text);
  EXPECT_TRUE(peers_of(g, "a").empty());
  EXPECT_EQ(peers_of(g, "b"), (std::map<std::string, std::string>{{"a", "ipc:///s/a.sock"}}));
  // The device's node has no link with the teacher's.
  EXPECT_EQ(peers_of(g, "e"), (std::map<std::string, std::string>{{"a", "ipc:///s/a.sock"}}));
}

}  // namespace
}  // namespace freshet::topology
