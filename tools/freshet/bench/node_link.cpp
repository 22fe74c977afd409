#include "tools/freshet/bench/node_link.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>

#include "actors/role.hpp"
#include "tools/freshet/bench/link_frames.hpp"

namespace freshet::cli {

using clock = std::chrono::steady_clock;

/// What both roles are to do, and what they saw; guarded by its mutex.
struct node_link::load {
  enum class kind { idle, flood, ping };
  std::mutex mutex;
  std::condition_variable changed;
  kind what = kind::idle;
  clock::time_point end;          ///< of a flood
  std::size_t count = 0;          ///< of a ping
  std::uint64_t sent = 0;
  std::uint64_t arrived = 0;
  bool all_sent = false;
  clock::time_point sent_at, first, last;
  std::vector<double> times;

  void begin(kind k) {
    what = k;
    sent = arrived = 0;
    all_sent = false;
    times.clear();
  }
};

namespace {

constexpr auto node_patience = std::chrono::seconds(20);
using kind = node_link::load::kind;

class bench_role : public actors::role_core {
 public:
  explicit bench_role(std::shared_ptr<node_link::load> load) : load_(std::move(load)) {}
  void start(time_point, actors::outbox&) override {}
  void tick(time_point, actors::outbox&) override {}
  bool work(time_point, actors::outbox&) override { return false; }
  [[nodiscard]] std::uint32_t capacity(const topology::address&) const override { return 1024; }
  [[nodiscard]] std::string stats_json() const override { return "{}"; }
  void stop(time_point, actors::outbox&) override {}

 protected:
  std::shared_ptr<node_link::load> load_;
};

class source_role final : public bench_role {
 public:
  source_role(std::shared_ptr<node_link::load> load, std::size_t payload_bytes)
      : bench_role(std::move(load)), message_(link_message(payload_bytes)) {}

  void start(time_point, actors::outbox& out) override { out.wake_after(look_again); }
  void tick(time_point, actors::outbox& out) override {
    std::unique_lock lock(load_->mutex);
    // Nobody tells an idle role that there is something to do.
    if (load_->what == kind::idle) return out.wake_after(look_again);
    if (load_->what == kind::ping && load_->sent == 0) ping(out);
  }
  void handle(const topology::address&, const topology::any_message& m, time_point, actors::outbox& out) override {
    if (!std::holds_alternative<topology::paced>(m)) return;
    const std::lock_guard lock(load_->mutex);
    if (load_->what == kind::ping) ping(out);
  }
  /// Called after whatever happened: a credit that came, a tick.
  bool work(time_point, actors::outbox& out) override {
    std::uint64_t sent = 0;
    clock::time_point end;
    {
      const std::lock_guard lock(load_->mutex);
      if (load_->what != kind::flood || load_->all_sent) return false;
      end = load_->end;
    }
    const bool over = clock::now() >= end;
    for (; !over && out.room(sink) > 0; ++sent) out.send(sink, message_);
    const std::lock_guard lock(load_->mutex);
    load_->sent += sent;
    load_->all_sent = over;
    if (over) {
      load_->changed.notify_all();
      out.wake_after(look_again);
    }
    return false;
  }

 private:
  static constexpr auto look_again = std::chrono::milliseconds(1);
  inline static const topology::address sink{"far", "sink"};

  /// The next one, when there is one; the load's mutex is held.
  void ping(actors::outbox& out) {
    if (load_->sent == load_->count) {
      load_->all_sent = true;
      load_->changed.notify_all();
      return out.wake_after(look_again);
    }
    ++load_->sent;
    load_->sent_at = clock::now();
    out.send(sink, message_);
  }

  const topology::shared_message message_;   ///< ready made, like the frames of the bare link; encoded for each sending
};

class sink_role final : public bench_role {
 public:
  using bench_role::bench_role;
  void handle(const topology::address& from, const topology::any_message& m, time_point, actors::outbox& out) override {
    if (!std::holds_alternative<topology::uts_batch>(m)) return;
    const auto now = clock::now();
    const std::lock_guard lock(load_->mutex);
    load_->last = now;
    if (load_->arrived++ == 0) load_->first = now;
    if (load_->what == kind::ping) {
      load_->times.push_back(std::chrono::duration<double, std::micro>(now - load_->sent_at).count());
      out.send(from, link_answer(load_->arrived));
    }
    if (load_->all_sent && load_->arrived == load_->sent) load_->changed.notify_all();
  }
};

}  // namespace

result<std::unique_ptr<node_link>> node_link::open(rt::system& engine, rt::transport& links, const std::string& endpoint,
                                                   std::size_t payload_bytes) {
  auto out = std::unique_ptr<node_link>(new node_link);
  out->load_ = std::make_shared<load>();
  rt::node_options far;
  far.name = "far";
  far.listen = {endpoint};
  far.roles.push_back({"sink", [l = out->load_] { return std::make_unique<sink_role>(l); }, rt::placement::shared, {}});
  FRESHET_TRY_ASSIGN(out->far_, rt::node::start(engine, links, std::move(far)));
  rt::node_options near;
  near.name = "near";
  near.peers = {{"far", out->far_->endpoints().front()}};
  near.roles.push_back({"source",
                        [l = out->load_, payload_bytes] { return std::make_unique<source_role>(l, payload_bytes); },
                        rt::placement::own_thread,
                        {}});
  FRESHET_TRY_ASSIGN(out->near_, rt::node::start(engine, links, std::move(near)));
  return out;
}

node_link::~node_link() {
  if (near_) near_->stop(std::chrono::seconds(5));
  if (far_) far_->stop(std::chrono::seconds(5));
}

result<double> node_link::flood(std::chrono::milliseconds time) {
  std::unique_lock lock(load_->mutex);
  load_->begin(load::kind::flood);
  load_->end = clock::now() + time;
  const bool done =
      load_->changed.wait_for(lock, time + node_patience, [&] { return load_->all_sent && load_->arrived == load_->sent; });
  load_->what = load::kind::idle;
  if (!done || load_->arrived < 2) {
    return error{errc::timeout, std::to_string(load_->arrived) + " of " + std::to_string(load_->sent) + " messages arrived"};
  }
  return static_cast<double>(load_->arrived - 1) / std::chrono::duration<double>(load_->last - load_->first).count();
}

result<std::vector<double>> node_link::ping(std::size_t count) {
  std::unique_lock lock(load_->mutex);
  load_->begin(load::kind::ping);
  load_->count = count;
  const bool done = load_->changed.wait_for(lock, node_patience, [&] { return load_->all_sent; });
  load_->what = load::kind::idle;
  if (!done || load_->times.size() != count) {
    return error{errc::timeout, std::to_string(load_->times.size()) + " of " + std::to_string(count) + " messages arrived"};
  }
  return load_->times;
}

}  // namespace freshet::cli
