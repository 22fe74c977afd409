#include "topology/graph/load.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "config/print.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/links.hpp"

namespace freshet::topology {
namespace {

/// A right document of 34 lines, to be broken in one place at a time.
const std::string good =
    "[[nodes]]\n"                              // 1
    "name = \"cloud\"\n"                       // 2
    "listen = [\"ipc://cloud.sock\"]\n"        // 3
    "[[nodes]]\n"                              // 4
    "name = \"edge\"\n"                        // 5
    "[[roles]]\n"                              // 6
    "kind = \"device\"\n"                      // 7
    "node = \"edge\"\n"                        // 8
    "[[roles]]\n"                              // 9
    "kind = \"uplink_filter\"\n"               // 10
    "node = \"edge\"\n"                        // 11
    "[[roles]]\n"                              // 12
    "kind = \"intake\"\n"                      // 13
    "node = \"cloud\"\n"                       // 14
    "[[roles]]\n"                              // 15
    "kind = \"teacher\"\n"                     // 16
    "node = \"cloud\"\n"                       // 17
    "[[roles]]\n"                              // 18
    "kind = \"distiller\"\n"                   // 19
    "node = \"cloud\"\n"                       // 20
    "[[roles]]\n"                              // 21
    "kind = \"compressor\"\n"                  // 22
    "node = \"cloud\"\n"                       // 23
    "[[roles]]\n"                              // 24
    "kind = \"deployer\"\n"                    // 25
    "node = \"cloud\"\n";                      // 26

const std::string key = "\"" + std::string(64, 'a') + "\"\n";

load_options options() {
  load_options o;
  o.file = "t.toml";
  o.state_dir = "/s";
  return o;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

struct wrong {
  std::string text;
  std::string expected;
};

class graph_problems : public ::testing::TestWithParam<wrong> {};

TEST_P(graph_problems, are_reported_where_they_are) {
  const auto g = load_graph(GetParam().text, options());
  ASSERT_FALSE(g.ok()) << GetParam().text;
  EXPECT_EQ(g.err().code, errc::config);
  EXPECT_EQ(g.err().context, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    table, graph_problems,
    ::testing::Values(
        wrong{"", "t.toml: no nodes and no roles; `freshet config example` prints a file to begin with"},
        wrong{replaced(good, "\"intake\"", "\"intaek\""),
              "t.toml:13:8: roles.kind: \"intaek\" is no known kind; did you mean intake?"},
        wrong{replaced(good, "[[roles]]\nkind = \"intake\"\nnode = \"cloud\"\n", ""),
              "t.toml: roles: no intake; add [[roles]] with kind = \"intake\""},
        wrong{replaced(good, "[[roles]]\nkind = \"uplink_filter\"\nnode = \"edge\"\n", ""),
              "t.toml:6:1: roles: node edge has a device and no uplink_filter; add [[roles]] with kind = "
              "\"uplink_filter\" and node = \"edge\""},
        wrong{replaced(good, "kind = \"device\"\nnode = \"edge\"", "kind = \"device\"\nnode = \"egde\""),
              "t.toml:6:1: roles: node egde has a device and no uplink_filter; add [[roles]] with kind = "
              "\"uplink_filter\" and node = \"egde\"\n"
              "t.toml:8:8: roles.node: \"egde\" is no node of this file; did you mean edge?\n"
              "t.toml:9:1: roles: node edge has an uplink_filter and no device; a filter stands beside its device"},
        wrong{replaced(good, "name = \"edge\"", "name = \"cloud\""),
              "t.toml:5:8: nodes.name: \"cloud\" is taken (line 2); give each node a name of its own\n"
              "t.toml:8:8: roles.node: \"edge\" is no node of this file; known is cloud\n"
              "t.toml:11:8: roles.node: \"edge\" is no node of this file; known is cloud"},
        wrong{replaced(good, "\"edge\"\n", "\"edge\"\nlisten = [\"ipc:///s/cloud.sock\"]\n"),
              "t.toml:6:11: nodes.listen: \"ipc:///s/cloud.sock\" is taken by node cloud (line 3); give each node an "
              "endpoint of its own"},
        wrong{replaced(good, "ipc://cloud.sock", "tcp://0.0.0.0:5555"),
              "t.toml:3:11: nodes.listen: \"tcp://0.0.0.0:5555\" is reachable from the network without encryption; "
              "write the public_key that `freshet keys new cloud` prints on this node, or use ipc://PATH"},
        wrong{replaced(good, "ipc://cloud.sock\"]\n", "tcp://0.0.0.0:5555\"]\ninsecure = true\n"),
              "t.toml:3:11: nodes.listen: \"tcp://0.0.0.0:5555\" is reachable from the network without encryption; "
              "write the public_key that `freshet keys new cloud` prints on this node, or use ipc://PATH"},
        wrong{replaced(good, "ipc://cloud.sock", "tcp://127.0.0.1:5555"),
              "t.toml:3:11: nodes.listen: \"tcp://127.0.0.1:5555\" is not encrypted; write the public_key that "
              "`freshet keys new cloud` prints on this node, or insecure = true to allow that on the loopback interface, "
              "or use ipc://PATH"},
        wrong{replaced(good, "ipc://cloud.sock\"]\n", "tcp://0.0.0.0:5555\"]\npublic_key = " + key),
              "t.toml:3:11: nodes.listen: \"tcp://0.0.0.0:5555\" names no address that other nodes could connect to; write "
              "one that this host has"},
        wrong{replaced(good, "ipc://cloud.sock\"]\n", "tcp://10.0.0.1:5555\"]\ninsecure = true\npublic_key = " + key),
              "t.toml:5:14: nodes.public_key: insecure = true says that nothing is encrypted; take one of the two out"},
        wrong{replaced(good, "cloud.sock\"]\n", "cloud.sock\"]\npublic_key = " + key),
              "t.toml:4:14: nodes.public_key: node cloud listens on no tcp endpoint, so that nobody would ask for it; take "
              "it out"},
        wrong{replaced(good, "cloud.sock\"]\n", "cloud.sock\"]\npublic_key = \"a\"\n"),
              "t.toml:4:14: nodes.public_key: \"a\": a public key has 64 digits, 0 to 9 and a to f; `freshet keys list` "
              "prints it"},
        wrong{replaced(good, "cloud.sock\"]\n", "cloud.sock\"]\nenrol = \"tcp://10.0.0.1:5\"\n"),
              "t.toml:4:9: nodes.enrol: a token must not travel in the clear; write the public_key that `freshet keys new "
              "cloud` prints on this node"},
        wrong{replaced(good, "ipc://cloud.sock\"]\n",
                       "tcp://10.0.0.1:5555\"]\nenrol = \"ipc://x\"\npublic_key = " + key),
              "t.toml:4:9: nodes.enrol: \"ipc://x\" is no tcp endpoint; write tcp://HOST:PORT"},
        wrong{replaced(replaced(good, "ipc://cloud.sock\"]\n", "tcp://10.0.0.1:5555\"]\npublic_key = " + key),
                       "\"edge\"\n", "\"edge\"\nlisten = [\"tcp://10.0.0.2:5555\"]\npublic_key = " + key),
              "t.toml:8:14: nodes.public_key: is that of node cloud (line 4) too; give each node a key of its own"},
        wrong{good + "[[nodes]]\nname = \"console-1\"\nlisten = [\"ipc://c\"]\n[[roles]]\nkind = \"stats\"\nnode = \"console-1\"\n",
              "t.toml:28:8: nodes.name: \"console-1\" begins with console-, as operators' consoles do; choose another "
              "name"},
        wrong{replaced(good, "ipc://cloud.sock", "cloud.sock"),
              "t.toml:3:11: nodes.listen: \"cloud.sock\" names no transport; write ipc://PATH or tcp://HOST:PORT"},
        wrong{replaced(good, "listen = [\"ipc://cloud.sock\"]\n", ""),
              "t.toml:1:1: nodes: nodes cloud and edge must reach each other (edge/device sends to cloud/deployer) "
              "and neither listens; write listen = [\"ipc://cloud.sock\"]"},
        wrong{good + "[[nodes]]\nname = \"idle\"\n",
              "t.toml:27:1: nodes: node idle has no role; add [[roles]] with node = \"idle\" or take the node out"},
        wrong{good + "[[roles]]\nkind = \"teacher\"\nnode = \"cloud\"\n",
              "t.toml:27:1: roles.name: \"teacher\" is taken on node cloud (line 15); give it another name, or one entry "
              "and replicas = 2"},
        wrong{good + "[[roles]]\nkind = \"distiller\"\nnode = \"cloud\"\nname = \"other\"\n",
              "t.toml:27:1: roles: a second distiller, cloud/other; there must be one only (line 18)"},
        wrong{good + "[[roles]]\nkind = \"stats\"\nnode = \"cloud\"\nname = \"port\"\n",
              "t.toml:30:8: roles.name: \"port\" is the name of what every node has itself; choose another"},
        wrong{good + "[[roles]]\nkind = \"stats\"\nnode = \"cloud\"\ndevice_id = 3\n",
              "t.toml:30:13: roles.device_id: only devices have a number; this is a stats"},
        wrong{good + "[[roles]]\nkind = \"device\"\nnode = \"edge\"\nname = \"b\"\ndevice_id = 1\n",
              "t.toml:31:13: roles.device_id: 1 is the number of edge/device (line 6) too; give each device a number of "
              "its own"},
        wrong{good + "[[roles]]\nkind = \"device\"\nnode = \"edge\"\nname = \"b\"\nreplicas = 2\n[[roles]]\nkind = "
                     "\"uplink_filter\"\nnode = \"edge\"\nname = \"g\"\n",
              "t.toml:6:1: roles: node edge has 3 devices and 2 uplink_filters; have one for all or one for each"},
        wrong{good + "[[roles]]\nkind = \"device\"\nnode = \"edge\"\nname = \"b\"\n[device]\nstate_dir = \"/d\"\n",
              "t.toml:27:1: roles.settings.state_dir: \"/d\" is the folder of edge/device (line 6) too; leave state_dir "
              "out, or give each role a folder of its own"},
        wrong{good + "[uplink_filter]\nformat = \"features\"\n",
              "t.toml:9:1: roles.settings.format: \"features\" sends what a vision tower makes of pictures, which the teacher can "
              "only read where the student's tower stays as it is: distiller.train_vision = false is right, or format = "
              "\"dct\" or \"patches\""}));

TEST(graph_load, features_travel_where_the_tower_is_frozen) {
  for (const char* format : {"features", "cheapest", "dct", "patches"}) {
    const auto g = load_graph(good + "[distiller]\ntrain_vision = false\n[uplink_filter]\nformat = \"" + format + "\"\n", options());
    ASSERT_TRUE(g.ok()) << g.err().text();
    EXPECT_EQ(features_travel(*g), std::string(format) == "features" || std::string(format) == "cheapest") << format;
  }
}

TEST(graph_load, all_problems_of_a_file_come_at_once) {
  const auto g = load_graph(
      replaced(replaced(good, "ipc://cloud.sock", "tcp://10.0.0.1:1"), "kind = \"teacher\"\n",
               "kind = \"teacher\"\nsettings.batch = 0\n") + "[links]\nqueue = 3\n", options());
  ASSERT_FALSE(g.ok());
  EXPECT_EQ(std::count(g.err().context.begin(), g.err().context.end(), '\n'), 2) << g.err().context;
}

TEST(graph_load, a_right_document_is_a_graph) {
  const auto g = load_graph(good, options());
  ASSERT_TRUE(g.ok()) << g.err().text();
  EXPECT_EQ(g->nodes.size(), 2U);
  EXPECT_EQ(g->roles.size(), 7U);
  EXPECT_EQ(g->find_node("cloud")->listen, std::vector<std::string>{"ipc:///s/cloud.sock"});
  EXPECT_FALSE(g->stats().has_value());
  const role_spec* device = g->find_role({"edge", "device"});
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->kind(), role_kind::device);
  EXPECT_EQ(device->device, device_id(1));
  EXPECT_EQ(std::get<config::device_settings>(device->settings).state_dir, "/s/edge/device");
}

TEST(graph_load, loopback_tcp_is_allowed_when_the_file_says_so) {
  EXPECT_TRUE(load_graph(replaced(good, "ipc://cloud.sock\"]\n", "tcp://127.0.0.1:5555\"]\ninsecure = true\n"), options()).ok());
}

TEST(graph_load, tcp_beyond_this_host_is_allowed_with_a_key) {
  const auto g = load_graph(replaced(good, "ipc://cloud.sock\"]\n",
                                     "tcp://10.0.0.1:5555\"]\nenrol = \"tcp://10.0.0.1:5556\"\npublic_key = " + key),
                            options());
  ASSERT_TRUE(g.ok()) << g.err().text();
  EXPECT_EQ(g->find_node("cloud")->public_key, std::string(64, 'a'));
  EXPECT_EQ(g->find_node("cloud")->enrol, "tcp://10.0.0.1:5556");
}

TEST(graph_load, state_dir_above_document_above_default) {
  load_options o;
  EXPECT_EQ(load_graph(good, o)->state_dir, "freshet-state");
  EXPECT_EQ(load_graph("state_dir = \"/x\"\n" + good, o)->state_dir, "/x");
  o.base_dir = "/base";
  EXPECT_EQ(load_graph(good, o)->find_node("cloud")->listen.front(), "ipc:///base/freshet-state/cloud.sock");
  o.state_dir = "here";
  EXPECT_EQ(load_graph("state_dir = \"/x\"\n" + good, o)->state_dir, "/base/here");
}

TEST(graph_load, ipc_paths_have_107_bytes_at_most) {
  load_options o;
  o.file = "t.toml";
  const std::string name = "/cloud.sock";
  o.state_dir = "/" + std::string(107 - 1 - name.size(), 'd');
  EXPECT_TRUE(load_graph(good, o).ok());
  *o.state_dir += "d";
  const auto g = load_graph(good, o);
  ASSERT_FALSE(g.ok());
  EXPECT_NE(g.err().context.find("t.toml:3:11: nodes.listen: "), std::string::npos) << g.err().context;
  EXPECT_NE(g.err().context.find("has a path of 108 bytes; the system allows 107"), std::string::npos);
}

TEST(graph_load, replicas_are_spread_with_numbers_of_their_own) {
  const auto g = load_graph(replaced(good, "kind = \"device\"\n", "kind = \"device\"\nreplicas = 3\ndevice_id = 10\n"), options());
  ASSERT_TRUE(g.ok()) << g.err().text();
  std::set<std::string> folders;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const role_spec* device = g->find_role({"edge", "device-" + std::to_string(i + 1)});
    ASSERT_NE(device, nullptr);
    EXPECT_EQ(device->device, device_id(10 + i));
    folders.insert(std::get<config::device_settings>(device->settings).state_dir);
  }
  EXPECT_EQ(folders.size(), 3U);
}

TEST(graph_load, too_many_roles_are_refused_quickly) {
  std::string text = good;
  for (int i = 0; i < 80; ++i)
    text += "[[roles]]\nkind = \"teacher\"\nnode = \"cloud\"\nreplicas = 256\nname = \"t" + std::to_string(i) + "\"\n";
  const auto g = load_graph(text, options());
  ASSERT_FALSE(g.ok());
  EXPECT_NE(g.err().context.find("more than 16384 roles"), std::string::npos) << g.err().context;
}

TEST(graph_load, a_file_is_read_and_named_in_problems) {
  load_options o;
  o.file = FRESHET_SOURCE_DIR "/config/freshet.example.toml";
  EXPECT_TRUE(load_graph_file(o).ok());
  o.file = "/nonexistent/f.toml";
  EXPECT_EQ(load_graph_file(o).err().code, errc::not_found);
}

TEST(embedded, is_one_cloud_and_its_devices) {
  embedded_options e;
  e.devices = 4;
  e.state_dir = "/var/lib/\"odd\" name";
  e.models_dir = "/m";
  load_options o;
  const auto g = load_graph(embedded_default(e), o);
  ASSERT_TRUE(g.ok()) << g.err().text();
  EXPECT_EQ(g->state_dir, e.state_dir);
  ASSERT_EQ(g->nodes.size(), 5U);
  EXPECT_EQ(g->nodes[0].name, "cloud");
  EXPECT_EQ(g->nodes[4].name, "edge-4");
  EXPECT_EQ(g->roles_on("cloud").size(), 6U);
  ASSERT_TRUE(g->stats().has_value());
  EXPECT_EQ(g->stats()->text(), "cloud/stats");
  for (int i = 1; i <= 4; ++i) {
    const role_spec* device = g->find_role({"edge-" + std::to_string(i), "device"});
    ASSERT_NE(device, nullptr);
    EXPECT_EQ(device->device, device_id(static_cast<std::uint32_t>(i)));
    EXPECT_EQ(std::get<config::device_settings>(device->settings).model, "/m/student");
  }
  EXPECT_EQ(std::get<config::teacher_settings>(g->find_role({"cloud", "teacher"})->settings).model, "/m/teacher");
  EXPECT_EQ(std::get<config::distiller_settings>(g->find_role({"cloud", "distiller"})->settings).student, "/m/student");
}

TEST(embedded, any_number_of_devices_from_one_on) {
  for (const std::uint32_t devices : {1U, 2U, 17U}) {
    embedded_options e;
    e.devices = devices;
    const auto g = load_graph(embedded_default(e), {});
    ASSERT_TRUE(g.ok()) << g.err().text();
    EXPECT_EQ(g->roles_of(role_kind::device).size(), devices);
  }
}

}  // namespace
}  // namespace freshet::topology
