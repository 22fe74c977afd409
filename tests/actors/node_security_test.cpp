#include "actors/assembly/node_security.hpp"

#include "actors/access/access_list.hpp"
#include "actors/access/key_file.hpp"
#include "actors/assembly/artefact_key_source.hpp"
#include "kernels/base/hex.hpp"
#include "tests/support/temporary_folder.hpp"
#include "topology/graph/plan.hpp"
#include "topology/graph/links.hpp"
#include "topology/graph/load.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace freshet::actors {
namespace node_security_test {

class node_security : public ::testing::Test {
 protected:
  topology::graph graph() {
    std::string text = "state_dir = \"" + folder_.path().string() +
                       "\"\n[[nodes]]\nname = \"cloud\"\nlisten = " + "[\"tcp://127.0.0.1:5555\"]\npublic_key = \"" +
                       to_hex(cloud_.public_key) + "\"\n";
    for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
      text += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
    for (const char* n : {"1", "2"}) {
      const std::string node = "node = \"edge-" + std::string(n) + "\"\n";
      text += "[[nodes]]\nname = \"edge-" + std::string(n) + "\"\n[[roles]]\nkind = \"device\"\n" + node +
              "[[roles]]\nkind = \"uplink_filter\"\n" + node;
    }
    auto loaded = topology::load_graph(text, {});
    EXPECT_TRUE(loaded.ok()) << loaded.err().text();
    return std::move(*loaded);
  }
  result<rt::link_security> of(const char* node) {
    const topology::graph g = graph();
    return security_of(g, *g.find_node(node), topology::peers_of(g, node), spdlog::default_logger());
  }
  void keep(const char* node, const rt::link_keys& keys) {
    const auto file = access::link_key_file(folder_.path().string(), node);
    ASSERT_TRUE(access::make_private_folder(file.parent_path()).ok());
    ASSERT_TRUE(access::write_link_keys(file, keys, access::existing::replace).ok());
  }

  test::temporary_folder folder_;
  rt::link_keys cloud_ = access::draw_link_keys();
};

TEST_F(node_security, without_its_key_a_node_does_not_begin_and_says_which_command_makes_one) {
  for (const char* node : {"cloud", "edge-1"}) {
    const auto got = of(node);
    ASSERT_FALSE(got.ok()) << node;
    EXPECT_NE(got.err().text().find(std::string("freshet keys new ") + node), std::string::npos) << got.err().text();
  }
}

TEST_F(node_security, a_key_that_is_not_the_topologys_is_refused) {
  keep("cloud", access::draw_link_keys());
  const auto got = of("cloud");
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.err().text().find(to_hex(cloud_.public_key)), std::string::npos) << got.err().text();
}

TEST_F(node_security, who_listens_lets_in_by_list_and_who_connects_knows_the_server) {
  keep("cloud", cloud_);
  const rt::link_keys edge = access::draw_link_keys();
  keep("edge-1", edge);
  {
    auto list = access::access_list::open(access::access_file(folder_.path().string(), "cloud"));
    ASSERT_TRUE(list.ok());
    ASSERT_TRUE(list->allow(edge.public_key, {"edge-1", false}, 1, "ann").ok());
  }
  const auto cloud = of("cloud");
  ASSERT_TRUE(cloud.ok()) << cloud.err().text();
  EXPECT_EQ(cloud->own->secret_key, cloud_.secret_key);
  EXPECT_TRUE(cloud->servers.empty());
  ASSERT_NE(cloud->allowed, nullptr);
  EXPECT_EQ(cloud->allowed->find(edge.public_key)->node, "edge-1");
  const auto device = of("edge-1");
  ASSERT_TRUE(device.ok()) << device.err().text();
  EXPECT_EQ(device->servers, (std::map<std::string, std::string>{{"cloud", cloud_.public_key}}));
  EXPECT_EQ(device->allowed, nullptr);
}

TEST_F(node_security, residents_are_those_of_the_topology) {
  const auto known = std::make_shared<rt::residents>(town_of(graph()), open_to_consoles(graph()));
  topology::device_report report;
  report.device = device_id{2};
  const topology::address deployer{"cloud", "deployer"};
  EXPECT_TRUE(known->may_say({"edge-2", "device"}, deployer, report));
  EXPECT_FALSE(known->may_say({"edge-1", "device"}, deployer, report));
  EXPECT_FALSE(known->may_say({"edge-2", "other"}, deployer, report));
  EXPECT_FALSE(known->may_say({"edge-3", "device"}, deployer, topology::link_hello{}));
  EXPECT_TRUE(known->may_say({"console-7", "console"}, {"cloud", "stats"}, topology::stats_request{"all"}));
  EXPECT_FALSE(known->may_say({"console-7", "console"}, deployer, report));
  EXPECT_FALSE(known->may_say({"console-7", "console"}, {"cloud", "stats"}, topology::role_report{}));
  // Operators ask for changes; nodes do not, whatever their keys, and nobody takes the name of a role.
  const topology::operator_request wish{1, "apply", "{}"};
  const topology::address control{"cloud", topology::control_role};
  EXPECT_TRUE(known->may_say({"console-7", "console"}, control, wish));
  EXPECT_TRUE(known->may_say({"console-7", "console"}, deployer, wish));
  EXPECT_FALSE(known->may_say({"console-7", "console"}, {"cloud", "intake"}, wish));
  EXPECT_FALSE(known->may_say({"edge-1", "device"}, control, wish));
  EXPECT_FALSE(known->may_say({"edge-1", "agent"}, deployer, wish));
  EXPECT_FALSE(known->may_say({"console-7", "control"}, {"cloud", "stats"}, wish));
  EXPECT_TRUE(known->may_say(control, {"cloud", "stats"}, wish));
}

TEST(artefact_key_source, follows_the_file_and_keeps_the_last_readable_keys) {
  const test::temporary_folder folder;
  const auto file = access::artefact_key_file(folder.path());
  EXPECT_NE(keys_in_file(file).err().text().find("freshet keys new --artefacts"), std::string::npos);
  auto keys = std::move(access::artefact_keys::read_or_make(file)).value();
  const auto source = keys_in_file(file);
  ASSERT_TRUE(source.ok()) << source.err().text();
  const auto first = (*source)();
  EXPECT_EQ((*source)(), first);
  ASSERT_TRUE(keys.rotate().ok());
  ASSERT_TRUE(keys.write(file).ok());
  const auto second = (*source)();
  EXPECT_EQ(second->trusted().serial, 2U);
  ASSERT_TRUE(access::write_private_file(file, "torn", access::existing::replace).ok());
  EXPECT_EQ((*source)(), second);
}

}  // namespace node_security_test
}  // namespace freshet::actors
