// A device that was enrolled and turned hostile, at a real intake behind real links under CURVE: it sends figures that
// are none, sizes that lie, more than its share, and noise below all of that. Another device goes on as if it were
// alone, and nothing ends.
#include "actors/port/sockets.hpp"
#include "actors/port/zmq_transport.hpp"
#include "actors/rt/node.hpp"
#include "actors/rt/system.hpp"
#include "tests/support/intake_fixture.hpp"
#include "tests/support/link_keys.hpp"
#include "tests/support/test_cores.hpp"

#include <atomic>
#include <functional>
#include <limits>
#include <thread>

#include <gtest/gtest.h>
#include <zmq.hpp>

namespace freshet::actors {
namespace {

using namespace std::chrono_literals;
using namespace freshet::testing;

/// The intake, with its figures for the test to read.
class watched_intake final : public role_core {
 public:
  watched_intake(std::unique_ptr<role_core> inner, std::shared_ptr<std::mutex> guard, std::shared_ptr<std::string> figures)
      : inner_(std::move(inner)), guard_(std::move(guard)), figures_(std::move(figures)) {}
  void start(time_point now, outbox& out) override { inner_->start(now, out); }
  void handle(const topology::address& from, const topology::any_message& m, time_point now, outbox& out) override {
    inner_->handle(from, m, now, out);
  }
  void tick(time_point now, outbox& out) override {
    inner_->tick(now, out);
    const std::lock_guard lock(*guard_);
    *figures_ = inner_->stats_json();
  }
  bool work(time_point now, outbox& out) override { return inner_->work(now, out); }
  [[nodiscard]] std::uint32_t capacity(const topology::address& from) const override { return inner_->capacity(from); }
  [[nodiscard]] std::string stats_json() const override { return inner_->stats_json(); }
  void stop(time_point now, outbox& out) override { inner_->stop(now, out); }

 private:
  std::unique_ptr<role_core> inner_;
  std::shared_ptr<std::mutex> guard_;
  std::shared_ptr<std::string> figures_;
};

/// Sends what it is given, as fast as it may; counts what was accepted of it.
class sender final : public quiet_core {
 public:
  using maker = std::function<std::optional<topology::uts_batch>(std::uint64_t)>;
  using judge = std::function<bool(sequence)>;
  using counter = std::shared_ptr<std::atomic<std::uint64_t>>;
  /// `is_false` tells what should not have been accepted, which `false_taken` counts.
  sender(maker make, counter sent, counter accepted, judge is_false, counter false_taken)
      : make_(std::move(make)), sent_(std::move(sent)), accepted_(std::move(accepted)), is_false_(std::move(is_false)),
        false_taken_(std::move(false_taken)) {}
  void start(time_point, outbox& out) override { push(out); }
  void tick(time_point, outbox& out) override { push(out); }
  void handle(const topology::address&, const topology::any_message& m, time_point, outbox& out) override {
    if (const auto* settled = std::get_if<topology::samples_settled>(&m)) {
      accepted_->fetch_add(settled->accepted.size());
      for (const sequence position : settled->accepted) false_taken_->fetch_add(is_false_ && is_false_(position) ? 1 : 0);
    }
    push(out);
  }

 private:
  void push(outbox& out) {
    while (out.room({"cloud", "intake"}) > 0) {
      auto batch = make_(sent_->load());
      if (!batch) return;
      sent_->fetch_add(1);
      out.send({"cloud", "intake"}, std::move(*batch));
    }
  }
  maker make_;
  counter sent_;
  counter accepted_;
  judge is_false_;
  counter false_taken_;
};

/// Every kind of lie in turn: NaN and infinite scores, claims of billions of tokens, counts that do not fit the
/// payload, another's number, a batch far beyond what it may send.
topology::uts_batch lie(std::uint64_t n) {
  auto b = test::batch_of(66, {n * 200 + 1, n * 200 + 2});
  switch (n % 7) {
    case 0: b.samples[0].uncertainty = std::numeric_limits<float>::quiet_NaN(); break;
    case 1: b.samples[1].uncertainty = std::numeric_limits<float>::infinity(); break;
    case 2: b.token_bytes = std::numeric_limits<std::uint32_t>::max(); break;
    case 3: b.samples[0].kept_count = std::numeric_limits<std::uint32_t>::max(); break;
    case 4: b.tokens_per_sample = std::numeric_limits<std::uint32_t>::max(); break;
    case 5: b.zstd = true; break;   // its payload is none
    default: {
      std::vector<std::uint64_t> many;
      for (std::uint64_t i = 0; i < 200; ++i) many.push_back(n * 200 + i);
      b = test::batch_of(66, many);
    }
  }
  return b;
}

TEST(hostile_device, wastes_its_own_share_and_nobody_elses) {
  rt::system engine;
  port::zmq_transport links;
  zmq::context_t outside;
  const rt::link_keys cloud_keys = draw_keys(), good_keys = draw_keys(), bad_keys = draw_keys();
  auto allowed = std::make_shared<listed_keys>();
  allowed->allow(good_keys.public_key, {"good", false});
  allowed->allow(bad_keys.public_key, {"bad", false});
  auto guard = std::make_shared<std::mutex>();
  auto figures = std::make_shared<std::string>("{}");

  rt::node_options cloud;
  cloud.name = "cloud";
  cloud.listen = {"tcp://127.0.0.1:*"};
  cloud.security.own = cloud_keys;
  cloud.security.allowed = allowed;
  cloud.security.known = std::make_shared<rt::residents>(rt::residents::town{
      {"cloud", {{"intake"}, {}}}, {"good", {{"filter"}, {device_id{1}}}}, {"bad", {{"filter"}, {device_id{66}}}}});
  cloud.limits.strikes = 3;
  intake_options options = test::intake_defaults();
  quota_limits quota;
  quota.samples_per_second = 50;
  quota.kept_samples = 400;
  options.quota = quota;
  cloud.roles.push_back({"intake",
                         [=] { return std::make_unique<watched_intake>(test::intake_of(options), guard, figures); },
                         rt::placement::shared,
                         {}});
  auto cloud_node = rt::node::start(engine, links, std::move(cloud));
  ASSERT_TRUE(cloud_node.ok()) << cloud_node.err().text();
  const std::string endpoint = (*cloud_node)->endpoints().front();

  auto lies_taken = std::make_shared<std::atomic<std::uint64_t>>(0);
  const auto device = [&](const std::string& name, const rt::link_keys& keys, sender::maker make, auto sent, auto accepted, sender::judge is_false) {
    rt::node_options o;
    o.name = name;
    o.peers = {{"cloud", endpoint}};
    o.security.own = keys;
    o.security.servers = {{"cloud", cloud_keys.public_key}};
    o.roles.push_back({"filter", [=] { return std::make_unique<sender>(make, sent, accepted, is_false, lies_taken); }, rt::placement::shared, {}});
    auto n = rt::node::start(engine, links, std::move(o));
    EXPECT_TRUE(n.ok());
    return std::move(n).value();
  };
  auto bad_sent = std::make_shared<std::atomic<std::uint64_t>>(0), bad_taken = std::make_shared<std::atomic<std::uint64_t>>(0);
  auto good_sent = std::make_shared<std::atomic<std::uint64_t>>(0), good_taken = std::make_shared<std::atomic<std::uint64_t>>(0);
  const auto bad = device("bad", bad_keys, [](std::uint64_t n) { return std::optional(lie(n)); }, bad_sent, bad_taken,
                          // Only the batch that is merely too large holds samples that are in order.
                          [](sequence position) { return position.value / 200 % 7 != 6; });
  const auto figure = [&](const char* key) {
    const std::lock_guard lock(*guard);
    return nlohmann::json::parse(*figures).value(key, std::uint64_t{0});
  };
  const auto eventually = [](auto holds) {
    for (int i = 0; i < 4000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  };
  // It has begun: every kind of lie was sent, and that many were refused.
  ASSERT_TRUE(eventually([&] { return figure("refused_batches") >= 6; })) << *figures;

  // 200 samples of the good one come through while the lies go on, and so does noise under the bad one's key.
  constexpr std::uint64_t batches = 20;
  const auto good = device("good", good_keys,
                           [](std::uint64_t n) -> std::optional<topology::uts_batch> {
                             if (n >= batches) return std::nullopt;
                             std::vector<std::uint64_t> positions;
                             for (std::uint64_t i = 1; i <= 10; ++i) positions.push_back(n * 10 + i);
                             return test::batch_of(1, positions);
                           },
                           good_sent, good_taken, nullptr);
  zmq::socket_t noise(outside, zmq::socket_type::dealer);
  noise.set(zmq::sockopt::routing_id, "bad#noise");
  noise.set(zmq::sockopt::linger, 0);
  noise.set(zmq::sockopt::immediate, true);
  noise.set(zmq::sockopt::sndtimeo, 200);
  port::encrypt_as_client(noise, bad_keys, cloud_keys.public_key);
  noise.connect(endpoint);
  int noises = 0;
  const auto make_noise = [&] {
    ++noises;
    const std::string bytes(static_cast<std::size_t>(noises % 97), static_cast<char>(noises));
    (void)noise.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
  };
  EXPECT_TRUE(eventually([&] {
    make_noise();
    return good_taken->load() == batches * 10;
  })) << good_taken->load();
  EXPECT_TRUE(eventually([&] {
    make_noise();
    return (*cloud_node)->traffic().faults.cut_offs > 0;
  })) << "noise is cut off";
  EXPECT_FALSE((*cloud_node)->failed());
  EXPECT_EQ((*cloud_node)->health().front().restarts, 0U);
  // All that the bad one has in the journal lies within its share.
  EXPECT_LE(figure("held_samples"), batches * 10 + quota.kept_samples);
  EXPECT_LE(bad_taken->load(), quota.kept_samples);
  EXPECT_EQ(lies_taken->load(), 0U) << "a lie was accepted";
}

}  // namespace
}  // namespace freshet::actors
