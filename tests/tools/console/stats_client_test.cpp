// The console's client against a STATS of a few lines behind a real socket.
#include "tools/freshet/stats_client.hpp"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "actors/port/sockets.hpp"
#include "topology/graph/embedded.hpp"
#include "topology/graph/load.hpp"
#include "topology/wire/codec.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;
using topology::parcel;

/// Answers every request with what `reply` makes of it, on a thread of its own.
class fake_stats {
 public:
  using replies = std::function<std::vector<parcel>(const parcel&)>;
  fake_stats(const std::string& endpoint, replies reply) : reply_(std::move(reply)), socket_(port::make_router(context_, {})) {
    EXPECT_TRUE(port::bind(socket_, endpoint).ok());
    thread_ = std::thread([this] { run(); });
  }
  ~fake_stats() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    while (!stop_) {
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, milliseconds(5));
      while (const auto message = port::receive(socket_, true, 64)) {
        const auto request = topology::decode(message->frames);
        if (!request.ok()) continue;
        for (const parcel& answer : reply_(*request))
          (void)port::send(socket_, &message->routing_id, topology::encode(answer).value());
      }
    }
  }
  replies reply_;
  zmq::context_t context_{1};
  zmq::socket_t socket_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

parcel snapshot(const parcel& request, const std::string& text) {
  parcel p;
  p.head.from = request.head.to;
  p.head.to = request.head.from;
  p.head.life = epoch(7);
  p.body = topology::stats_snapshot{1, text};
  return p;
}

class stats_of : public ::testing::Test {
 protected:
  void SetUp() override {
    topology::load_options options;
    options.state_dir = folder_;
    graph_ = topology::load_graph(topology::embedded_default({}), options).value();
    endpoint_ = graph_.find_node("cloud")->listen.front();
  }
  test::temporary_folder made_;
  std::string folder_ = made_.path().string();
  std::string endpoint_;
  topology::graph graph_;
};

TEST_F(stats_of, a_daemon_is_its_document) {
  int asked = 0;
  const fake_stats server(endpoint_, [&](const parcel& request) {
    EXPECT_EQ(request.head.to.text(), "cloud/stats");
    EXPECT_TRUE(std::holds_alternative<topology::stats_request>(*request.body));
    return std::vector{snapshot(request, "{\"number\":" + std::to_string(++asked) + "}")};
  });
  auto client = stats_client::open(graph_);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->fetch(milliseconds(30'000)).value(), "{\"number\":1}");
  EXPECT_EQ(client->fetch(milliseconds(30'000)).value(), "{\"number\":2}");
}

TEST_F(stats_of, what_is_no_answer_is_passed_over) {
  const fake_stats server(endpoint_, [](const parcel& request) {
    parcel stranger = snapshot(request, "{\"from\":\"another\"}");
    stranger.head.from = {"cloud", "teacher"};
    parcel refusal = snapshot(request, "");
    refusal.body = topology::error_reply{1, "no", 4};
    return std::vector{stranger, refusal, snapshot(request, "{\"from\":\"stats\"}")};
  });
  auto client = stats_client::open(graph_);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->fetch(milliseconds(30'000)).value(), "{\"from\":\"stats\"}");
}

TEST_F(stats_of, nobody_is_a_timeout_and_a_restart_is_found_again) {
  auto client = stats_client::open(graph_);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->fetch(milliseconds(50)).err().code, errc::timeout);
  for (int life = 0; life < 2; ++life) {
    const fake_stats server(endpoint_, [](const parcel& request) { return std::vector{snapshot(request, "{}")}; });
    EXPECT_TRUE(client->fetch(milliseconds(30'000)).ok()) << life;
  }
}

TEST_F(stats_of, a_silent_daemon_is_a_timeout) {
  const fake_stats server(endpoint_, [](const parcel&) { return std::vector<parcel>{}; });
  auto client = stats_client::open(graph_);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->fetch(milliseconds(300)).err().code, errc::timeout);
}

TEST_F(stats_of, a_graph_without_stats_has_none) {
  graph_.roles.clear();
  EXPECT_EQ(stats_client::open(graph_).err().code, errc::not_found);
}

}  // namespace
}  // namespace freshet::cli
