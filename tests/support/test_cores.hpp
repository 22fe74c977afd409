// Small cores for tests of what runs cores: a source that sends numbered messages as credit
// allows, an echo that answers each, and logs that a test may read from its own thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/role.hpp"
#include "actors/rt/core_factory.hpp"

namespace freshet::testing {

/// Numbers in the order in which they came, with a wait for a count of them.
class shared_log {
 public:
  void add(std::uint64_t n) {
    {
      std::lock_guard lock(mutex_);
      numbers_.push_back(n);
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<std::uint64_t> all() const {
    std::lock_guard lock(mutex_);
    return numbers_;
  }
  [[nodiscard]] std::size_t size() const {
    std::lock_guard lock(mutex_);
    return numbers_.size();
  }
  /// The limit only bounds a failing test.
  bool wait_for(std::size_t count, std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return numbers_.size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::uint64_t> numbers_;
};

/// Does nothing; the others change what they need.
class quiet_core : public actors::role_core {
 public:
  void start(time_point, actors::outbox&) override {}
  void handle(const topology::address&, const topology::any_message&, time_point, actors::outbox&) override {}
  void tick(time_point, actors::outbox&) override {}
  bool work(time_point, actors::outbox&) override { return false; }
  [[nodiscard]] std::uint32_t capacity(const topology::address&) const override { return 16; }
  [[nodiscard]] std::string stats_json() const override { return R"({"quiet": true})"; }
  void stop(time_point, actors::outbox&) override {}
};

/// Sends pace{first} and the `count` - 1 after it to `target` as room allows; logs the ticks of the answers.
class source_core final : public quiet_core {
 public:
  source_core(topology::address target, std::uint64_t count, std::shared_ptr<shared_log> answers, std::uint64_t first = 1)
      : target_(std::move(target)), end_(first + count), next_(first), answers_(std::move(answers)) {}
  void start(time_point, actors::outbox& out) override { push(out); }
  void tick(time_point, actors::outbox& out) override { push(out); }
  void handle(const topology::address&, const topology::any_message& m, time_point, actors::outbox& out) override {
    if (const auto* p = std::get_if<topology::paced>(&m)) answers_->add(p->tick);
    push(out);
  }

 private:
  void push(actors::outbox& out) {
    while (next_ < end_ && out.room(target_) > 0) {
      topology::pace p;
      p.tick = next_++;
      out.send(target_, p);
    }
  }
  topology::address target_;
  std::uint64_t end_;
  std::uint64_t next_;
  std::shared_ptr<shared_log> answers_;
};

/// Answers each pace with a paced of the same tick, as room allows.
class echo_core final : public quiet_core {
 public:
  explicit echo_core(std::shared_ptr<shared_log> seen = nullptr) : seen_(std::move(seen)) {}
  void handle(const topology::address& from, const topology::any_message& m, time_point, actors::outbox& out) override {
    const auto* p = std::get_if<topology::pace>(&m);
    if (!p) return;
    if (seen_) seen_->add(p->tick);
    topology::paced answer;
    answer.tick = p->tick;
    waiting_.push_back({from, answer});
    push(out);
  }
  void tick(time_point, actors::outbox& out) override { push(out); }
  [[nodiscard]] std::uint32_t capacity(const topology::address&) const override {
    return waiting_.size() < 16 ? static_cast<std::uint32_t>(16 - waiting_.size()) : 0;
  }

 private:
  void push(actors::outbox& out) {
    while (!waiting_.empty() && out.room(waiting_.front().first) > 0) {
      out.send(waiting_.front().first, waiting_.front().second);
      waiting_.erase(waiting_.begin());
    }
  }
  std::shared_ptr<shared_log> seen_;
  std::vector<std::pair<topology::address, topology::paced>> waiting_;
};

[[nodiscard]] inline std::vector<std::uint64_t> counting(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> v;
  for (; from <= to; ++from) v.push_back(from);
  return v;
}

inline rt::core_factory make_source(topology::address target, std::uint64_t count, std::shared_ptr<shared_log> answers,
                                    std::uint64_t first = 1) {
  return [=] { return std::make_unique<source_core>(target, count, answers, first); };
}
inline rt::core_factory make_echo(std::shared_ptr<shared_log> seen = nullptr) {
  return [=] { return std::make_unique<echo_core>(seen); };
}

}  // namespace freshet::testing
