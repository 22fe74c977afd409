#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"
#include "topology/graph/plan.hpp"
#include "topology/graph/role_image.hpp"

#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

graph load_graph(const std::string& text) {
  load_options options;
  options.state_dir = "/s";
  auto g = load_graph(text, options);
  EXPECT_TRUE(g.ok()) << g.err().text();
  return std::move(g).value();
}

std::string cloud_with(const std::string& but = "") {
  std::string out = "[[nodes]]\nname = \"cloud\"\nlisten = [\"ipc://cloud.sock\"]\n";
  for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
    if (but != kind) out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
  return out;
}
std::string edge(int i, const std::string& filter = "") {
  const std::string node = "edge-" + std::to_string(i);
  return "[[nodes]]\nname = \"" + node + "\"\n[[roles]]\nkind = \"device\"\nnode = \"" + node +
         "\"\ndevice_id = " + std::to_string(i) + "\n[[roles]]\nkind = \"uplink_filter\"\nnode = \"" + node + "\"\n" +
         filter;
}

std::vector<std::string> texts(const change_plan& p) {
  std::vector<std::string> out;
  for (const plan_step& s : p.steps) out.push_back(s.text());
  return out;
}

TEST(plan, of_the_same_is_empty) {
  const graph g = load_graph(cloud_with() + edge(1) + edge(2));
  const change_plan p = plan_change(g, g);
  EXPECT_TRUE(p.empty());
  EXPECT_THAT(p.nodes, IsEmpty());
}

TEST(plan, adds_and_removes_a_device_without_touching_anyone_else) {
  const graph one = load_graph(cloud_with() + edge(1));
  const graph two = load_graph(cloud_with() + edge(1) + edge(2));
  const change_plan more = plan_change(one, two);
  EXPECT_THAT(texts(more), ElementsAre("start node edge-2", "start edge-2/device", "start edge-2/uplink_filter"));
  EXPECT_THAT(more.nodes, ElementsAre("cloud", "edge-2"));   // it accepts connections: it must know who comes
  const change_plan less = plan_change(two, one);
  EXPECT_THAT(texts(less), ElementsAre("stop edge-2/device", "stop edge-2/uplink_filter", "stop node edge-2"));
  EXPECT_THAT(less.refusals, IsEmpty());
}

TEST(plan, a_setting_restarts_the_roles_that_read_it) {
  const graph now = load_graph(cloud_with() + edge(1) + edge(2));
  const change_plan share = plan_change(now, load_graph(cloud_with() + edge(1, "settings = { token_share = 0.5 }\n") + edge(2)));
  EXPECT_THAT(texts(share), ElementsAre("restart edge-1/uplink_filter"));
  EXPECT_THAT(share.steps[0].why, ElementsAre("uplink_filter.token_share: 1.0 -> 0.5"));

  // Another score may need other observations: its device is told.
  const change_plan score =
      plan_change(now, load_graph(cloud_with() + edge(1, "settings = { token_score = \"feature_energy\" }\n") + edge(2)));
  EXPECT_THAT(texts(score), ElementsAre("restart edge-1/device", "restart edge-1/uplink_filter"));

  const change_plan codec = plan_change(now, load_graph("[compressor]\ncodec = \"dense4\"\n" + cloud_with() + edge(1) + edge(2)));
  EXPECT_THAT(texts(codec), ElementsAre("restart cloud/compressor"));

  const change_plan terms =
      plan_change(now, load_graph("[distiller.terms]\nlogit_kd = 0.25\n" + cloud_with() + edge(1) + edge(2)));
  EXPECT_THAT(texts(terms), ElementsAre("restart cloud/distiller"));

  const change_plan line = plan_change(now, load_graph("[distiller]\nlora_rank = 4\n" + cloud_with() + edge(1) + edge(2)));
  EXPECT_THAT(texts(line), ElementsAre("restart cloud/distiller", "restart cloud/compressor", "restart cloud/deployer",
                                       "restart edge-1/device", "restart edge-2/device"));
  EXPECT_THAT(line.steps[0].cost, HasSubstr("another line"));
}

// Devices must begin to send features, and the distiller's start finds out whether the teacher has their tower.
TEST(plan, a_filter_that_is_to_send_features_restarts_who_makes_them_and_who_judges_the_pair) {
  const std::string frozen = "[distiller]\ntrain_vision = false\n";
  const graph now = load_graph(frozen + cloud_with() + edge(1));
  const change_plan other = plan_change(now, load_graph(frozen + "[uplink_filter]\nformat = \"patches\"\n" + cloud_with() + edge(1)));
  EXPECT_THAT(texts(other), ElementsAre("restart edge-1/uplink_filter"));
  const change_plan features = plan_change(now, load_graph(frozen + "[uplink_filter]\nformat = \"features\"\n" + cloud_with() + edge(1)));
  EXPECT_THAT(texts(features), UnorderedElementsAre("restart cloud/distiller", "restart edge-1/device", "restart edge-1/uplink_filter"));
}

TEST(plan, moves_the_teacher_to_another_process) {
  const std::string second = "[[nodes]]\nname = \"lab\"\n[[roles]]\nkind = \"teacher\"\nnode = \"lab\"\n";
  const change_plan p = plan_change(load_graph(cloud_with() + edge(1)), load_graph(cloud_with("teacher") + second + edge(1)));
  EXPECT_THAT(p.refusals, IsEmpty());
  EXPECT_THAT(texts(p),
              ElementsAre("start node lab", "start lab/teacher", "restart cloud/intake", "stop cloud/teacher"));
  EXPECT_THAT(p.steps[1].why, ElementsAre("moves here from cloud"));
  EXPECT_THAT(p.steps[2].why, ElementsAre("sends to teacher: cloud/teacher -> lab/teacher"));
}

TEST(plan, scales_teachers) {
  const std::string three = "[[roles]]\nkind = \"teacher\"\nnode = \"cloud\"\nreplicas = 3\n";
  const change_plan p = plan_change(load_graph(cloud_with() + edge(1)), load_graph(cloud_with("teacher") + three + edge(1)));
  EXPECT_THAT(texts(p), ElementsAre("start cloud/teacher-1", "start cloud/teacher-2", "start cloud/teacher-3",
                                    "restart cloud/intake", "stop cloud/teacher"));
}

TEST(plan, refuses_what_only_a_start_takes_in_and_says_so) {
  const graph now = load_graph(cloud_with() + edge(1));
  const change_plan links = plan_change(now, load_graph("[links]\nqueue_limit = 17\n" + cloud_with() + edge(1)));
  EXPECT_THAT(links.refusals, Contains(HasSubstr("links.queue_limit: 2048 -> 17")));
  const change_plan moved = plan_change(
      now,
      load_graph(cloud_with("intake") +
           "[[nodes]]\nname = \"lab\"\nlisten = [\"ipc://lab.sock\"]\n[[roles]]\nkind = \"intake\"\nnode = \"lab\"\n" +
           edge(1)));
  EXPECT_THAT(moved.refusals, Contains(HasSubstr("cloud/intake keeps its state in a folder of node cloud")));
  const change_plan folder = plan_change(now, load_graph("[intake]\nstate_dir = \"/elsewhere\"\n" + cloud_with() + edge(1)));
  EXPECT_THAT(folder.refusals, Contains(HasSubstr("cloud/intake: intake.state_dir")));
  std::string renamed = edge(1);
  renamed.replace(renamed.find("device_id = 1"), 13, "device_id = 1\nname = \"camera\"");
  EXPECT_THAT(plan_change(now, load_graph(cloud_with() + renamed)).refusals,
              Contains(HasSubstr("device 1 is edge-1/device and would be edge-1/camera")));
  const change_plan kind = plan_change(
      load_graph(cloud_with() + edge(1) + "[[nodes]]\nname = \"x\"\n[[roles]]\nkind = \"teacher\"\nnode = \"x\"\nname = \"a\"\n"),
      load_graph(cloud_with() + edge(1) +
           "[[nodes]]\nname = \"x\"\n[[roles]]\nkind = \"device\"\nnode = \"x\"\nname = \"a\"\n"
           "[[roles]]\nkind = \"uplink_filter\"\nnode = \"x\"\n"));
  EXPECT_THAT(kind.refusals, Contains(HasSubstr("x/a is a teacher and would become a device")));
}

// Whatever is set on a role is seen: no setting can be changed and silently not arrive.
TEST(role_image, has_every_setting_of_every_role) {
  embedded_options options;
  options.models_dir = "/m";
  options.state_dir = "/s";
  const graph g = load_graph(embedded_default(options));
  for (const role_spec& role : g.roles) {
    const role_image image = image_of(graph_index(g), role);
    std::visit(
        [&](const auto& settings) {
          using settings_type = std::decay_t<decltype(settings)>;
          for (const auto& setting : config::schema_of<settings_type>().settings())
            EXPECT_EQ(image.count(config::name(role.kind()) + "." + setting->info().name), 1U) << setting->info().name;
        },
        role.settings);
  }
}

// Whoever holds values of the line must follow it: else a change leaves one half of the cloud on another line.
TEST(role_image, of_whoever_holds_the_line_has_all_that_decides_it) {
  embedded_options options;
  options.models_dir = "/m";
  options.state_dir = "/s";
  const graph g = load_graph(embedded_default(options));
  for (const role_kind kind : {role_kind::device, role_kind::distiller, role_kind::compressor, role_kind::deployer}) {
    const role_image image = image_of(graph_index(g), *g.roles_of(kind).front());
    for (const char* setting : {"student", "chat_template", "lora_rank", "lora_alpha", "lora_targets", "train_vision", "seed"})
      EXPECT_EQ(image.count(std::string("distiller.") + setting), 1U) << config::name(kind) << ": " << setting;
  }
}

TEST(control_node, is_that_of_stats_or_else_of_intake) {
  EXPECT_EQ(control_node(load_graph(cloud_with() + edge(1))), "cloud");
  EXPECT_EQ(control_node(load_graph(cloud_with("stats") + edge(1))), "cloud");
}

}  // namespace
}  // namespace freshet::topology
