// What operators are told, over a document of three nodes whose figures the test writes itself.
#include "tools/freshet/service/service_view.hpp"

#include "tools/freshet/service/metrics.hpp"
#include "tools/freshet/service/service_front.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"

#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* document = R"({"number": 3, "uptime_ms": 1, "roles": [
  {"node": "cloud", "role": "port", "age_ms": 10, "silent": false, "stats": {"out_bytes": 100, "in_bytes": 7, "malformed": 2,
    "peers": [{"queued_bytes": 5}, {"queued_bytes": 6, "dropped_bulk": 1}]}},
  {"node": "edge-1", "role": "port", "age_ms": 10, "silent": false, "stats": {"out_bytes": 1}},
  {"node": "edge-2", "role": "port", "age_ms": 10, "silent": false, "stats": {}},
  {"node": "cloud", "role": "intake", "age_ms": 10, "silent": false, "stats": {"samples": 42, "held_samples": 3,
    "shell": {"handled": 9, "restarts": 1, "work": {"total_us": 1500000}}, "links": [{"queued": 1}, {"queued": 2}]}},
  {"node": "edge-1", "role": "device", "age_ms": 10, "silent": false, "stats": {"answered": 11, "phase": "fog"}},
  {"node": "elsewhere\"\n", "role": "device", "age_ms": 10, "silent": false, "stats": {"answered": 1000}}
]})";

struct service_view_test : ::testing::Test {
  topology::graph graph = [] {
    topology::embedded_options options;
    options.devices = 2;
    auto loaded = topology::load_graph(topology::embedded_default(options), {});
    EXPECT_TRUE(loaded.ok()) << loaded.err().text();
    return std::move(loaded).value();
  }();
  std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  service_view view = [this] {
    service_view v;
    v.taken = now;
    for (const char* name : {"cloud", "edge-1", "edge-2"}) {
      node_view n;
      n.name = name;
      n.state = node_state::running;
      n.starts = 1;
      v.nodes.push_back(n);
    }
    v.disk_free_bytes = 5'000'000'000;
    v.disk_size_bytes = 9'000'000'000;
    v.figures = std::make_shared<const std::string>(document);
    v.figures_taken = now;
    return v;
  }();

  /// The checks that fail, as "name: why".
  std::set<std::string> failing() {
    std::set<std::string> out;
    for (const health_check& c : readiness(view, graph, now))
      if (!c.ok()) out.insert(c.name + ": " + c.why);
    return out;
  }
  void replace(const std::string& what, const std::string& with) {
    std::string text = *view.figures;
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, what.size(), with);
    view.figures = std::make_shared<const std::string>(text);
  }
};

TEST_F(service_view_test, is_ready_when_all_is_well) {
  EXPECT_EQ(failing(), std::set<std::string>{});
  std::set<std::string> names;
  for (const health_check& c : readiness(view, graph, now)) names.insert(c.name);
  for (const char* name :
       {"running", "node cloud", "role cloud/teacher", "role edge-2/device", "stats", "cloud", "disk"})
    EXPECT_EQ(names.count(name), 1U) << name;
  EXPECT_EQ(why_not_alive(view, graph.service, now), "");
}

TEST_F(service_view_test, each_thing_that_goes_wrong_fails_its_own_check) {
  view.nodes[1].state = node_state::waiting;
  view.nodes[1].why = "ended with signal 9 (Killed) and is to start again";
  EXPECT_EQ(failing(), (std::set<std::string>{"node edge-1: ended with signal 9 (Killed) and is to start again",
                                              "role edge-1/device: its node does not run",
                                              "role edge-1/uplink_filter: its node does not run"}));
  EXPECT_EQ(why_not_alive(view, graph.service, now), "") << "the launcher sees to it";
  view.nodes[1].state = node_state::running;
  view.nodes[1].why.clear();

  view.nodes[0].unwell = {{"teacher", "is given up; it failed: no model"}};
  EXPECT_EQ(failing(), std::set<std::string>{"role cloud/teacher: is given up; it failed: no model"});
  view.nodes[0].unwell.clear();

  replace(R"("role": "intake", "age_ms": 10, "silent": false)", R"("role": "intake", "age_ms": 7900, "silent": true)");
  EXPECT_EQ(failing(), std::set<std::string>{"role cloud/intake: has not reported for 7 s"});
  view.figures = std::make_shared<const std::string>(document);

  replace(R"("node": "edge-2", "role": "port", "age_ms": 10, "silent": false)",
          R"("node": "edge-2", "role": "port", "age_ms": 9000, "silent": true)");
  EXPECT_EQ(failing(), std::set<std::string>{"cloud: has not heard of node edge-2 for 9 s"});
  view.figures = std::make_shared<const std::string>(document);

  view.figures_taken = now - 12s;
  view.figures_problem = "timeout";
  EXPECT_EQ(failing(),
            (std::set<std::string>{"stats: no figures for 12 s: timeout", "cloud: cloud/stats does not answer"}));
  view.figures_taken = now;

  view.disk_free_bytes = 99'000'000;
  ASSERT_EQ(failing().size(), 1U);
  EXPECT_NE(failing().begin()->find("has 99.0 MB left; below 100MB"), std::string::npos) << *failing().begin();
  view.disk_free_bytes = std::nullopt;
  EXPECT_EQ(failing().size(), 1U);
  view.disk_free_bytes = 5'000'000'000;

  view.stopping = true;
  EXPECT_EQ(failing(), std::set<std::string>{"running: is stopping"});
}

TEST_F(service_view_test, is_not_alive_when_a_node_or_the_main_loop_hangs) {
  view.nodes[2].state = node_state::late;
  view.nodes[2].why = "has not answered for 6 s";
  EXPECT_EQ(why_not_alive(view, graph.service, now), "node edge-2 has not answered for 6 s");
  view.nodes[2].state = node_state::running;
  view.taken = now - 11s;
  EXPECT_EQ(why_not_alive(view, graph.service, now), "the main loop has not turned for 11 s");
}

TEST_F(service_view_test, pages_say_it_in_status_and_lines) {
  service_board board;
  view.taken = std::chrono::steady_clock::now();
  view.figures_taken = view.taken;
  board.put(view);
  const http_pages pages = service_pages(board, graph);
  EXPECT_EQ(pages.at("/livez")({}).status, 200);
  EXPECT_EQ(pages.at("/readyz")({}).body, "ok\n");
  const std::string verbose = pages.at("/readyz")({{{"verbose", ""}}}).body;
  EXPECT_EQ(verbose.rfind("[+]running ok\n", 0), 0U) << verbose;
  view.nodes[0].unwell = {{"teacher", "forged\n[+]all ok"}};
  board.put(view);
  EXPECT_EQ(pages.at("/readyz")({}).status, 503);
  EXPECT_NE(pages.at("/readyz")({{{"verbose", ""}}}).body.find("[-]role cloud/teacher forged [+]all ok\n"),
            std::string::npos);
  EXPECT_EQ(pages.at("/livez")({}).status, 200);
}

TEST_F(service_view_test, metrics_are_in_the_form_that_is_read) {
  view.reloads = 2;
  const std::string text = metrics_text(view, graph, now);
  std::set<std::string> described;
  std::istringstream lines(text);
  const std::regex sample(R"re(([a-z_]+)(\{[a-z_]+="(?:[^"\\]|\\.)*"(,[a-z_]+="(?:[^"\\]|\\.)*")*\})? -?[0-9.e+-]+)re");
  for (std::string line; std::getline(lines, line);) {
    std::smatch parts;
    if (line.rfind("# TYPE ", 0) == 0) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(described.insert(name).second) << name << " stands twice";
      const bool counter = line.find(" counter") != std::string::npos;
      EXPECT_EQ(counter, name.size() > 6 && name.compare(name.size() - 6, 6, "_total") == 0) << line;
    } else if (line.rfind("# HELP ", 0) != 0) {
      ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
      EXPECT_EQ(described.count(parts[1]), 1U) << line;
      EXPECT_EQ(parts[1].str().rfind("freshet_", 0), 0U) << line;
    }
  }
  for (const char* line :
       {"freshet_ready 1\n", "freshet_reloads_total 2\n", "freshet_node_up{node=\"edge-2\"} 1\n",
        "freshet_port_bytes_total{node=\"cloud\",direction=\"out\"} 100\n",
        "freshet_port_faults_total{node=\"cloud\",fault=\"malformed\"} 2\n",
        "freshet_port_queued_bytes{node=\"cloud\"} 11\n", "freshet_port_dropped_messages_total{node=\"cloud\"} 1\n",
        "freshet_intake_samples_total{node=\"cloud\",role=\"intake\"} 42\n",
        "freshet_role_restarts_total{node=\"cloud\",role=\"intake\"} 1\n",
        "freshet_role_work_seconds_total{node=\"cloud\",role=\"intake\"} 1.5\n",
        "freshet_link_queued_messages{node=\"cloud\",role=\"intake\"} 3\n",
        "freshet_device_answers_total{node=\"edge-1\",role=\"device\"} 11\n", "freshet_disk_free_bytes 5e+09\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
  EXPECT_EQ(text.find("1000\n"), std::string::npos) << "a role that is not of this topology makes no series";
}

TEST_F(service_view_test, an_odd_document_breaks_nothing) {
  for (const char* odd : {"", "[]", "{\"roles\": 3}", "{\"roles\": [1, {}, {\"node\": 1}]}",
                          "{\"roles\": [{\"node\": \"cloud\", \"role\": \"intake\", \"stats\": {\"shell\": 3, "
                          "\"links\": [1], \"samples\": \"x\"}}]}"}) {
    view.figures = std::make_shared<const std::string>(odd);
    EXPECT_EQ(failing(), std::set<std::string>{}) << odd;
    EXPECT_NE(metrics_text(view, graph, now).find("freshet_ready 1\n"), std::string::npos);
  }
}

}  // namespace
}  // namespace freshet::cli
