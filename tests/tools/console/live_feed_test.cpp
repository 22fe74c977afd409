// The console's feed against a real STATS in a real node.
#include "tools/freshet/console/live_feed.hpp"

#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "actors/stats/stats_core.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::cli {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<rt::node> stats_node(rt::system& engine, rt::transport& links, const std::string& endpoint) {
  rt::node_options o;
  o.name = "cloud";
  o.listen = {endpoint};
  o.stats = topology::address{"cloud", "stats"};
  o.report_period = 100ms;
  o.tick_period = 20ms;
  o.roles.push_back({"stats",
                     [] {
                       actors::stats_options options;
                       options.expected = {{{"cloud", "stats"}, "stats"}};
                       options.subscriptions.interval = 200ms;
                       return std::move(*actors::make_stats(options));
                     },
                     rt::placement::shared,
                     {}});
  auto n = rt::node::start(engine, links, std::move(o));
  EXPECT_TRUE(n.ok());
  return std::move(n).value();
}

/// Until `done` likes what came, or too long has passed.
template <class F>
bool follow(live_feed& feed, std::vector<live_change>& seen, F done) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < until) {
    feed.wait(50ms);
    for (auto& c : feed.take_changes()) seen.push_back(std::move(c));
    if (done()) return true;
  }
  return false;
}

std::size_t count(const std::vector<live_change>& all, live_change::kind what) {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& c) { return c.what == what; }));
}

TEST(live_feed, follows_a_node_detaches_and_comes_back_after_it_was_started_again) {
  const test::temporary_folder folder;
  const std::string endpoint = "ipc://" + (folder.path() / "s").string();
  rt::system engine;
  port::zmq_transport links;
  auto feed = live_feed::open({{"cloud", "stats"}, {endpoint, "", ""}}, 0);
  ASSERT_TRUE(feed.ok());
  std::vector<live_change> seen;
  {
    const auto node = stats_node(engine, links, endpoint);
    ASSERT_TRUE(follow(*feed, seen, [&] { return count(seen, live_change::kind::delta) >= 3; }));
    EXPECT_EQ(seen[0].what, live_change::kind::snapshot);
    nlohmann::json document = seen[0].content;
    for (std::size_t i = 1; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].number, seen[i - 1].number + 1);
      document.merge_patch(seen[i].content);
    }
    EXPECT_EQ(document.at("roles").at("cloud/stats").at("state"), "up");
    EXPECT_TRUE(document.at("roles").at("cloud/stats").contains("service_p99_us"));
    EXPECT_GT(document.at("nodes").at("cloud").at("resident_bytes"), 1'000'000);
  }
  seen.clear();
  const auto again = stats_node(engine, links, endpoint);
  ASSERT_TRUE(follow(*feed, seen, [&] { return count(seen, live_change::kind::snapshot) >= 1; }));
  EXPECT_GE(count(seen, live_change::kind::lost), 1U);
  EXPECT_TRUE(feed->attached());
}

TEST(live_feed, a_graph_without_stats_has_no_place) {
  topology::graph graph;
  graph.file = "mine.toml";
  EXPECT_EQ(place_of_stats(graph).err().code, errc::not_found);
}

}  // namespace
}  // namespace freshet::cli
